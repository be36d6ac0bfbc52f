import { type Config, ConfigError } from '../../config/config.ts';
import { processSettings } from '../../config/process-settings.ts';
import type { TlsIdentity } from '../../engines/tls/tls-options.ts';
import { expiriesOf } from './expiry.ts';
import type { ProcessTls } from './process-tls.ts';
import { openTlsFiles, type TlsFilesOptions } from './tls-files.ts';
import { statesOf, type TlsState } from './tls-states.ts';

/**
 * The certificate of the HTTP listener, as long as it is open. Its state is that of its own files, not of
 * those of the process.
 */
export interface HttpIdentity extends TlsState {
  readonly identity: TlsIdentity;
  /** Ends the watch of its own files. */
  close(): void;
}

/**
 * Opens the certificate of the HTTP listener: that of `HTTP_TLS_CERT`, else that of the process; `undefined`: it has
 * none. Throws a ConfigError if its files cannot be used, or one of them is not set.
 */
export function openHttpIdentity(
  { httpTlsCert, httpTlsKey }: Pick<Config, 'httpTlsCert' | 'httpTlsKey'>,
  tls: ProcessTls | undefined,
  options: TlsFilesOptions,
): HttpIdentity | undefined {
  const { httpTlsCert: cert, httpTlsKey: key } = processSettings;
  if (httpTlsCert === '' && httpTlsKey === '')
    return tls && { identity: tls.identity, expiries: () => [], files: () => [], close: () => undefined };
  if (httpTlsKey === '') throw needs(cert.variable, key.variable);
  if (httpTlsCert === '') throw needs(key.variable, cert.variable);
  const files = openTlsFiles(
    {
      cert: { variable: cert.variable, path: httpTlsCert },
      key: { variable: key.variable, path: httpTlsKey },
    },
    options,
  );
  const identity: TlsIdentity = {
    get current() {
      const { material } = files.checked;
      // Its clients have no certificates.
      return { ...material, ca: material.cert };
    },
    onChange: (listener) => files.onChange(listener),
  };
  return {
    identity,
    expiries: () => expiriesOf(files.checked, files.named, 'http'),
    files: () => statesOf(files),
    close: () => files.close(),
  };
}

function needs(variable: string, other: string): ConfigError {
  return new ConfigError([{ variable, problem: `needs ${other}: a certificate and its key belong together` }]);
}
