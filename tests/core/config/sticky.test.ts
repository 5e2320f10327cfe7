import { expect, test } from "bun:test";
import { server, serverErrors } from "./support.ts";

test("attributes have their defaults, and take what browsers do", () => {
  const { sticky_cookie_secure: secure, sticky_cookie_same_site: sameSite } = server("sticky_cookie: lb\n");
  expect([secure, sameSite]).toEqual(["auto", "lax"]);
  expect(server("sticky_cookie: lb\nsticky_cookie_secure: true\n").sticky_cookie_secure).toBe(true);
  expect(server("sticky_cookie: lb\nsticky_cookie_secure: false\n").sticky_cookie_secure).toBe(false);
  expect(server("sticky_cookie: __Host-lb\n").sticky_cookie).toBe("__Host-lb");
});

test.each([
  ["sticky_cookie: a b", "sticky_cookie: must be a cookie name"],
  ["sticky_cookie: a;b", "sticky_cookie: must be a cookie name"],
  ["sticky_cookie_path: app", "sticky_cookie_path: must be a path that starts with /"],
  ['sticky_cookie_path: "/a;b"', "sticky_cookie_path: must be a path that starts with /"],
  ["sticky_cookie_domain: 'a;b'", "sticky_cookie_domain: must be a host name"],
  ["sticky_cookie_secure: maybe", "sticky_cookie_secure: must be auto or true or false"],
  ["sticky_cookie_same_site: some", "sticky_cookie_same_site: must be"],
  ["sticky_cookie: lb\nsticky_cookie_key: short", "sticky_cookie_key: must have at least 16 characters"],
  [
    "sticky_cookie: lb\nsticky_cookie_key: 0123456789abcdef\nsticky_cookie_key_file: k",
    "sticky_cookie_key_file: must not stand beside sticky_cookie_key",
  ],
  ["sticky_cookie: __Host-lb\nsticky_cookie_path: /app", "sticky_cookie_path: must be /"],
  ["sticky_cookie: __Host-lb\nsticky_cookie_domain: example.com", "sticky_cookie_domain: must be empty"],
  ["sticky_cookie: __secure-lb\nsticky_cookie_secure: false", "sticky_cookie_secure: must be true or auto"],
  [
    "sticky_cookie: lb\nsticky_cookie_secure: false\nsticky_cookie_same_site: none",
    "sticky_cookie_secure: must be true or auto beside sticky_cookie_same_site: none",
  ],
])("%s", (text, message) => {
  const errors = serverErrors(`${text}\n`);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(message);
});
