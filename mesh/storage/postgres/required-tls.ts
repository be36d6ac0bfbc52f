import { remoteUrl } from '../../config/remote-url.ts';
import type { DatabaseTls } from './secured.ts';

/**
 * Returns the TLS options of a URL: a server on another machine is called with TLS if it is known who may sign its
 * certificate, so nobody on the way reads or changes what it stores. `sslmode=disable` in the URL says otherwise.
 */
export function withRequiredTls(url: string, tls: DatabaseTls = {}): DatabaseTls {
  return {
    ...tls,
    isRequired: tls.isRequired === true || (tls.trust?.ca !== undefined && remoteUrl(url) !== undefined),
  };
}
