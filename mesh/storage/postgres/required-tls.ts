import { isLocal } from '../../config/address.ts';
import type { DatabaseTls } from './secured.ts';

/**
 * Returns the TLS options of a URL: a server on another machine is called with TLS if it is known who may sign its
 * certificate, so nobody on the way reads or changes what it stores. `sslmode=disable` in the URL says otherwise.
 */
export function withRequiredTls(url: string, tls: DatabaseTls = {}): DatabaseTls {
  return { ...tls, isRequired: tls.isRequired === true || (tls.trust?.ca !== undefined && isRemote(url)) };
}

/** Without a host, or with a folder as its host, it is a socket of this machine. */
function isRemote(text: string): boolean {
  const url = URL.parse(text);
  const host = url?.searchParams.get('host') ?? url?.hostname ?? '';
  return host !== '' && !host.startsWith('/') && !host.startsWith('%2F') && !isLocal(`${host}:`);
}
