import { defaultServiceId, templateProblem } from '../identity/spiffe-id.ts';
import { isFileContent } from './file-content.ts';
import { choiceSetting, type Setting } from './setting.ts';

/** A setting that names a file; it is read where it is used, and again when it changes. */
export function fileSetting(variable: string, doc: string): Setting<string> {
  return { variable, default: '', allowed: 'a file, or empty', doc, isContent: isFileContent, parse: (text) => text };
}

/** A setting that names a file with a private key. */
export function keySetting(variable: string, doc: string): Setting<string> {
  return { ...fileSetting(variable, doc), namesSecret: true };
}

/** How connections are encrypted, and who may open them. */
export const tlsSettings = {
  /** The certificate of this process, with the intermediate ones. */
  tlsCert: fileSetting(
    'TLS_CERT',
    'a PEM file: the certificate of this process, then the intermediate ones. With it, all listeners and the clients ' +
      'of other services use TLS ([TLS](tls.md)). It is reloaded when it changes',
  ),
  /** Its key. */
  tlsKey: keySetting('TLS_KEY', 'a PEM file: the private key of `TLS_CERT`, not encrypted'),
  /** The authorities of peers. */
  tlsCa: fileSetting(
    'TLS_CA',
    'a PEM file: the authorities that may sign the certificates of callers and of called services, whose SPIFFE ids ' +
      'then count. Default: callers need no certificate, and those of services are checked as Node does',
  ),
  /** Revoked certificates of peers. */
  tlsCrl: fileSetting(
    'TLS_CRL',
    'a PEM file: the revoked certificates of callers and servers, one list for each authority in `TLS_CA`. Default: ' +
      'none are revoked',
  ),
  /** The oldest version of TLS that is spoken. */
  tlsMinVersion: choiceSetting('TLS_MIN_VERSION', ['1.3', '1.2'] as const, {
    default: '1.3',
    doc: 'the oldest version of TLS that is spoken: `1.3`, `1.2`',
  }),
  /** The template of the SPIFFE ids of services. */
  tlsServiceId: {
    variable: 'TLS_SERVICE_ID',
    default: defaultServiceId,
    allowed: 'a SPIFFE id with <service> in its path',
    doc:
      'the SPIFFE id of a service; `<trust domain>` is that of `TLS_CERT`. A certificate with another id of the ' +
      'trust domain may call, but is no service',
    parse: (text: string) => (templateProblem(text) === undefined ? text : undefined),
    problemOf: templateProblem,
  },
  /** Whether callers need a certificate. */
  tlsClients: {
    variable: 'TLS_CLIENTS',
    default: '',
    allowed: 'required, optional, or empty',
    doc:
      'whether callers by gRPC need a certificate: `required`, `optional`. Default: `required` if `TLS_CA` is set, ' +
      'unless callers have tokens (`AUTH_JWKS`)',
    parse: (text: string) => (['', 'required', 'optional'] as const).find((value) => value === text),
  },
} as const;
