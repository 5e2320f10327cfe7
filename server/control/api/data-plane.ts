/** Calls that the data plane answers; they are here to be documented, and to be told from unknown paths. */
import { RouteRequestSchema } from "../../../core/wire/route.ts";
import type { Operation } from "./deps.ts";

export const DATA_PLANE_OPERATIONS: readonly Operation[] = [
  {
    methods: ["POST"],
    path: "/route",
    tag: "routing",
    summary: "Choose a backend and hold capacity on it.",
    body: RouteRequestSchema,
    answers: {
      200: "The backend, its endpoint, and the lease that holds the capacity until `expires_in_seconds`.",
      400: "A field is wrong, or the tier is unknown.",
      503: "No backend has room; the detail counts what each filter removed.",
    },
  },
  {
    methods: ["PUT"],
    path: "/leases/:lease_id",
    tag: "routing",
    summary: "Renew a lease: it lasts its full time from now.",
    answers: { 200: "The lease.", 404: "No such lease, or it has ended." },
  },
  {
    methods: ["DELETE"],
    path: "/leases/:lease_id",
    tag: "routing",
    summary: "End a lease and give its capacity back.",
    answers: { 204: "Ended.", 404: "No such lease, or it has ended." },
  },
];
