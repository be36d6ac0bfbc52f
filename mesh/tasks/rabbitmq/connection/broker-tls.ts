import type { ConnectionOptions } from 'node:tls';
import type { ServerTrust } from '../../../config/server-trust.ts';

/**
 * The options of TLS for all connections that the library makes, each with what is valid then. It copies its options
 * once, and their lists by reference, so each option is a list that reads its one element anew.
 */
export function brokerTls(trust: ServerTrust = {}): Pick<ConnectionOptions, 'rejectUnauthorized' | keyof ServerTrust> {
  const members = (['ca', 'crl', 'cert', 'key'] as const).filter((member) => trust[member] !== undefined);
  const lists = members.map((member) => [member, Object.defineProperty([], 0, { get: () => trust[member] })]);
  return { rejectUnauthorized: true, ...Object.fromEntries(lists) };
}
