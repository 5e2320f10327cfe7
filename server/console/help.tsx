/** Which keys do what. */
import { Dialog } from "./ui/dialog.tsx";

const KEYS = [
  ["g f", "Fleet"],
  ["g t", "Traffic"],
  ["g d", "Decisions"],
  ["g q", "Queue and leases"],
  ["g m", "Migrations"],
  ["g c", "Cache"],
  ["g s", "Settings"],
  ["g l", "Log"],
  ["g a", "Audit"],
  ["/", "Search in the view"],
  ["?", "This help"],
  ["Esc", "Close what is open"],
] as const;

export function Help({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
