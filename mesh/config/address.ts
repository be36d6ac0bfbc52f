/** Whether a `host:port` can be reached from this machine alone. */
export function isLocal(address: string): boolean {
  return /^(127\.[0-9.]+|localhost|\[::1\]):/.test(address);
}

/** Returns where this machine reaches a listener on `listen` with `port`: one cannot connect to a wildcard address. */
export function dialAddress(listen: string, port: number): string {
  const host = listen.slice(0, listen.lastIndexOf(':'));
  if (host === '0.0.0.0') return `127.0.0.1:${port}`;
  if (host === '[::]') return `[::1]:${port}`;
  return `${host}:${port}`;
}

/** Returns the host of a `host:port`, without the brackets of IPv6, and its port. */
export function splitAddress(address: string): readonly [host: string, port: number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))];
}

/** Reads `host:port`, an IPv6 host in brackets, a port from 0 to 65535; `undefined` if the text is not valid. */
export function parseAddress(text: string): string | undefined {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535 ? text : undefined;
}
