/** What counts now of the configuration. Parts that hold it read it whenever they need it. */
import { pickerOptions } from "../../../core/balancing/options.ts";
import { Picker } from "../../../core/balancing/picker.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { ApiKey } from "../../../core/plane/api-key.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import type { Tables } from "../../../core/table/tables.ts";

/** One configuration with what is derived from it. */
export interface Standing {
  readonly config: ServerConfig;
  readonly tiers: readonly Tier[];
  readonly defaultTier: number;
  readonly keys: readonly ApiKey[];
  readonly workers: number;
}

export class Live implements Standing {
  readonly tables: Tables;
  /** The control plane's own; what it chose or holds is in the tables. */
  readonly picker: Picker;
  #standing: Standing;

  constructor(tables: Tables, standing: Standing) {
    this.tables = tables;
    this.#standing = standing;
    this.picker = new Picker(tables, pickerOptions(standing.config, standing.tiers));
  }

  /** Has everything that holds this go by another configuration. */
  replace(standing: Standing): void {
    this.#standing = standing;
    this.picker.setOptions(pickerOptions(standing.config, standing.tiers));
  }

  /** Has keys be those that their files hold now. */
  replaceKeys(keys: readonly ApiKey[]): void {
    this.#standing = { ...this.#standing, keys };
  }

  get standing(): Standing {
    return this.#standing;
  }

  get config(): ServerConfig {
    return this.#standing.config;
  }

  get tiers(): readonly Tier[] {
    return this.#standing.tiers;
  }

  get defaultTier(): number {
    return this.#standing.defaultTier;
  }

  get keys(): readonly ApiKey[] {
    return this.#standing.keys;
  }

  get workers(): number {
    return this.#standing.workers;
  }
}
