import { AddressPolicy, type AddressRules } from "../../../core/plane/address-policy.ts";
import type { WorkerLog } from "../thread/worker-log.ts";

/** Says whether a backend may live at the address that its host name led to. */
export type AddressGate = (host: string, address: string, loopbackAllowed: boolean) => boolean;

/**
 * Makes the gate that every connection to a backend passes before anything but a TLS hello is sent: a name that was
 * harmless when the backend registered may resolve to something else later (DNS rebinding).
 */
export function addressGate(rules: AddressRules, log: WorkerLog): AddressGate {
  const policy = new AddressPolicy(rules);
  return (host, address, loopbackAllowed) => {
    const refusal = policy.refusal(address, loopbackAllowed);
    if (refusal === null) return true;
    log.warn("a backend's name leads where no backend may be", {
      host,
      address,
      reason: `${address} ${refusal}`,
    });
    return false;
  };
}
