/** Returns what is at this path of a JSON value; `undefined` if there is nothing. */
export function memberAt(value: unknown, ...path: readonly string[]): unknown {
  let member = value;
  for (const name of path) {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, name)) return undefined;
    member = Reflect.get(member, name);
  }
  return member;
}

/** Returns the text at this path; `undefined` if there is none, or an empty one. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const text = memberAt(value, ...path);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** Returns the list at this path; `undefined` if there is none. */
export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] | undefined {
  const list = memberAt(value, ...path);
  return Array.isArray(list) ? list : undefined;
}

/** Returns `host:port`, with brackets around an IPv6 host. It is not validated. */
export function joinAddress(host: unknown, port: unknown): string {
  const name = String(host ?? '');
  return `${name.includes(':') ? `[${name}]` : name}:${String(port ?? '')}`;
}
