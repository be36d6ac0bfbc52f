import type { ConnectionOptions } from 'node:tls';
import type { ServerTrust } from '../../config/server-trust.ts';

/**
 * The options of TLS for all connections that the library makes. Each connection uses the files as they are then: the
 * library copies its options once, but lists by reference, so each option is a list whose one element is a getter.
 */
export function brokerTls(trust: ServerTrust = {}): Pick<ConnectionOptions, 'rejectUnauthorized' | keyof ServerTrust> {
  const members = (['ca', 'crl', 'cert', 'key'] as const).filter((member) => trust[member] !== undefined);
  const lists = members.map((member) => [member, Object.defineProperty([], 0, { get: () => trust[member] })]);
  return { rejectUnauthorized: true, ...Object.fromEntries(lists) };
}
