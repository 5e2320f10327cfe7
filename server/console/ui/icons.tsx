/** Small line drawings, 16 by 16; they say nothing that the text beside them does not. */

const PATHS = {
  fleet: "M2.5 3.5h11v3.5h-11zM2.5 9h11v3.5h-11zM5 5.25h.01M5 10.75h.01",
  traffic: "M1.5 8.5h3l2-5 3 9 2-6 1 2h2",
  decisions: "M8 2v4M8 6 3.5 10v3.5M8 6l4.5 4v3.5M1.8 11.8l1.7 1.7 1.7-1.7M10.8 11.8l1.7 1.7 1.7-1.7",
  queue: "M2.5 4h11M2.5 8h8M2.5 12h5",
  settings: "M2 4.5h6M11 4.5h3M9.5 3v3M2 11.5h3M8 11.5h6M6.5 10v3",
  migrations: "M2 5h10M9.5 2.5 12 5 9.5 7.5M14 11H4M6.5 8.5 4 11l2.5 2.5",
  cache:
    "M8 2.5c3 0 5.5.9 5.5 2s-2.5 2-5.5 2-5.5-.9-5.5-2 2.5-2 5.5-2ZM2.5 4.5v7c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2v-7M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2",
  log: "M3 2.5h10v11H3zM5.5 5.5h5M5.5 8h5M5.5 10.5h3",
  audit: "M8 1.8 13 4v4c0 3.2-2.2 5.3-5 6.2C5.2 13.300 3 11.200 3 8V4zM5.800 8l1.600 1.600L10.400 6.500",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.8.8M11.800 11.800l.8.8M3.400 12.600l.8-.8M11.800 4.200l.8-.8",
  moon: "M13 9.600A5.500 5.500 0 0 1 6.400 3a5.500 5.500 0 1 0 6.600 6.600Z",
  auto: "M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11",
  help: "M6 6.200a2 2 0 1 1 2.800 1.800c-.600.300-.800.700-.800 1.300M8 11.800h.010M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z",
  leave: "M6.500 2.500h-4v11h4M10 5l3 3-3 3M13 8H6",
  plus: "M8 3v10M3 8h10",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9ZM10.300 10.300l3.200 3.200",
  close: "M4 4l8 8M12 4l-8 8",
  cards:
    "M2.500 2.500h4.500v4.500h-4.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500h-4.500zM9 9h4.500v4.500H9z",
  table: "M2.500 3h11v10h-11zM2.500 6.300h11M2.500 9.700h11M6.500 3v10",
  heat: "M2.500 2.500h3v3h-3zM6.500 2.500h3v3h-3zM10.500 2.500h3v3h-3zM2.500 6.500h3v3h-3zM6.500 6.500h3v3h-3zM10.500 6.500h3v3h-3zM2.500 10.500h3v3h-3zM6.500 10.500h3v3h-3zM10.500 10.500h3v3h-3z",
  edit: "M10.500 3 13 5.500 5.500 13H3v-2.500z",
  drain:
    "M8 2.500c2.500 3 3.800 5 3.800 6.800a3.800 3.800 0 0 1-7.600 0C4.200 7.500 5.500 5.500 8 2.500ZM2 14 14 2",
  play: "M5 3.500 12 8l-7 4.500z",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  trash: "M2.500 4.500h11M6 4.500v-2h4v2M4 4.500l.700 9h6.600l.700-9",
  undo: "M5.500 3 2.500 6l3 3M2.500 6h7a4 4 0 0 1 0 8H6",
  chevron: "M6 4l4 4-4 4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      aria-hidden="true"
      focusable="false"
      class="icon"
    >
      <path
        d={PATHS[name]}
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
