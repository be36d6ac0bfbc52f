/** Reads `host:port`, an IPv6 host in brackets, a port from 0 to 65535; `undefined` when it is nothing of the kind. */
export function parseAddress(text: string): string | undefined {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535 ? text : undefined;
}
