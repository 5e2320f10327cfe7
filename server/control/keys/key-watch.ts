import type { ApiKey } from "../../../core/plane/api-key.ts";
import { FileWatch } from "../files/file-watch.ts";
import type { Logger } from "../logging/logger.ts";
import { type AuthKeys, keyFiles, readKeys } from "./key-files.ts";

export interface KeyWatchOptions {
  readonly config: AuthKeys;
  readonly log: Logger;
  readonly onChange: (keys: readonly ApiKey[]) => void;
}

/** Has the keys in files replaced while the server runs; until all of them can be read the old stay. */
export class KeyWatch {
  readonly #options: KeyWatchOptions;
  readonly #watch: FileWatch;
  #complaint = "";

  constructor(options: KeyWatchOptions) {
    this.#options = options;
    this.#watch = new FileWatch(keyFiles(options.config), () => this.#take());
  }

  stop(): void {
    this.#watch.stop();
  }

  #take(): boolean {
    const { config, log, onChange } = this.#options;
    const { value, faults } = readKeys(config);
    if (value === null) {
      const complaint = faults.map(({ message }) => message).join("; ");
      if (complaint !== this.#complaint) {
        log.error("new keys are not used, the old ones stay", { reason: complaint });
      }
      this.#complaint = complaint;
      return false;
    }
    this.#complaint = "";
    onChange(value);
    log.info("new keys are in use", { keys: value.length });
    return true;
  }
}
