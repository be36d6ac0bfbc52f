import { getCACertificates } from 'node:tls';
import { type Config, ConfigError } from '../../config/config.ts';
import { tlsSettings } from '../../config/tls-settings.ts';
import type { CheckPeer, ClientTls, ServerTls, TlsIdentity, TlsMaterial } from '../../engines/tls/tls-options.ts';
import { createServiceIds, parseSpiffeId, type ServiceIds } from '../../identity/spiffe-id.ts';
import type { CheckedMaterial } from './check-material.ts';
import { expiriesOf } from './expiry.ts';
import { checkName, type ProcessNames } from './own-name.ts';
import { checkCaller, checkOwn, checkServer } from './peer-checks.ts';
import { type NamedFile, openTlsFiles, type TlsFiles, type TlsFilesOptions } from './tls-files.ts';
import { statesOf, type TlsState } from './tls-states.ts';

type TlsConfig = Pick<
  Config,
  'tlsCert' | 'tlsKey' | 'tlsCa' | 'tlsCrl' | 'tlsMinVersion' | 'tlsServiceId' | 'tlsClients' | 'authJwks'
>;

export interface ProcessTlsOptions extends TlsFilesOptions {
  /** The service that may answer for all others. */
  readonly gateway: string;
}

/** How a process uses TLS. */
export interface ProcessTls extends TlsState {
  /** Its certificate, and the authorities of peers. */
  readonly identity: TlsIdentity;
  /** The service that its certificate names; `undefined` if it names none. */
  readonly service: string | undefined;
  /**
   * Refuses certificates of services that this process is not, with a ConfigError or, after a change of its files, by
   * keeping the last one. A name that no service has stays permitted if it is that of the first certificate.
   */
  requireOwnName(names: ProcessNames): void;
  /** Whether peers are known by their certificates. */
  readonly isMutual: boolean;
  /** For listeners of gRPC. */
  readonly server: ServerTls;
  /** For listeners that only machines call, and other machines reach: their clients need certificates if `isMutual`. */
  readonly serverOfMachines: ServerTls;
  /** For calls to a service in another process. */
  clientOf(service: string): ClientTls;
  /** For calls of the process to itself. */
  readonly local: ClientTls;
  /** Ends the watch of the files. */
  close(): void;
}

/**
 * Opens the files that `TLS_CERT`, `TLS_KEY`, `TLS_CA` and `TLS_CRL` name; `undefined` without `TLS_CERT`. Throws a
 * ConfigError if they cannot be used, or some of them are not set.
 */
export function openProcessTls(config: TlsConfig, options: ProcessTlsOptions): ProcessTls | undefined {
  checkComplete(config);
  if (config.tlsCert === '') {
    if (config.tlsCa !== '') options.logger.info(caOnly);
    return undefined;
  }
  const files = openTlsFiles(
    {
      cert: named('tlsCert', config.tlsCert),
      key: named('tlsKey', config.tlsKey),
      ca: config.tlsCa === '' ? undefined : named('tlsCa', config.tlsCa),
      crl: config.tlsCrl === '' ? undefined : named('tlsCrl', config.tlsCrl),
    },
    options,
  );
  try {
    checkTrustDomain(config.tlsServiceId, files.checked);
  } catch (error) {
    files.close();
    throw error;
  }
  return createProcessTls(config, files, options);
}

const caOnly =
  'TLS_CA is set without TLS_CERT: it is used to check databases, brokers and registries; the listeners of this ' +
  'process have no TLS';

const nameless = 'the certificate names no service: other processes that call services of this one refuse it';

function createProcessTls(
  { tlsCa, tlsServiceId, tlsMinVersion: minVersion, tlsClients, authJwks }: TlsConfig,
  files: TlsFiles,
  { gateway, logger }: ProcessTlsOptions,
): ProcessTls {
  const isMutual = tlsCa !== '';
  const identity = identityOf(files);
  // The trust domain may change with the files.
  const idsIn = ({ id }: CheckedMaterial): ServiceIds => createServiceIds(tlsServiceId, id?.trustDomain ?? '');
  const ids = () => idsIn(files.checked);
  const own = checkOwn(files);
  const checkPeer: CheckPeer | undefined = isMutual ? checkCaller(ids) : undefined;
  const server = { identity, checkPeer, minVersion };
  return {
    identity,
    expiries: () => expiriesOf(files.checked, files.named),
    files: () => statesOf(files),
    get service() {
      const { id } = files.checked;
      return id && ids().serviceOf(id);
    },
    requireOwnName(names) {
      if (!isMutual) return;
      files.require(checkName({ ...names, first: files.checked, idsIn }));
      if (names.isCalled && this.service === undefined)
        logger.warn({ setting: tlsSettings.tlsCert.variable }, nameless);
    },
    isMutual,
    server: { ...server, clients: isMutual ? tlsClients || (authJwks === '' ? 'required' : 'optional') : 'none' },
    serverOfMachines: { ...server, clients: isMutual ? 'required' : 'none' },
    clientOf: (service) =>
      isMutual
        ? { identity, serverService: service, checkPeer: checkServer(service, { ids, gateway }), minVersion }
        : { identity, minVersion },
    local: { identity: identityOf(files, true), serverService: own.service, checkPeer: own.check, minVersion },
    close: () => files.close(),
  };
}

function named(setting: 'tlsCert' | 'tlsKey' | 'tlsCa' | 'tlsCrl', path: string): NamedFile {
  return { variable: tlsSettings[setting].variable, path };
}

/** `isOwn`: the certificate itself is trusted too, whoever signed it. */
function identityOf(files: TlsFiles, isOwn = false): TlsIdentity {
  let of: CheckedMaterial | undefined;
  let current: TlsMaterial;
  return {
    get current() {
      if (of !== files.checked) {
        of = files.checked;
        const { ca = getCACertificates('default').join('\n'), ...material } = of.material;
        current = { ...material, ca: isOwn ? `${ca}\n${material.cert}` : ca };
      }
      return current;
    },
    onChange: (listener) => files.onChange(listener),
  };
}

function checkComplete({ tlsCert, tlsKey, tlsCa, tlsCrl, tlsClients, tlsServiceId }: TlsConfig): void {
  const faults = [
    ...(tlsCert !== '' && tlsKey === '' ? [needs('tlsCert', 'tlsKey', 'the private key of that certificate')] : []),
    ...(tlsKey !== '' && tlsCert === '' ? [needs('tlsKey', 'tlsCert', 'the certificate of that key')] : []),
    ...(tlsCrl !== '' && tlsCert === ''
      ? [needs('tlsCrl', 'tlsCert', 'without it nobody is checked by these lists')]
      : []),
    ...(tlsServiceId !== tlsSettings.tlsServiceId.default && tlsCert === ''
      ? [needs('tlsServiceId', 'tlsCert', 'without it no service has an id')]
      : []),
    ...(tlsCrl !== '' && tlsCa === '' ? [needs('tlsCrl', 'tlsCa', 'the authorities that made these lists')] : []),
    ...(tlsClients !== '' && (tlsCa === '' || tlsCert === '')
      ? [needs('tlsClients', tlsCert === '' ? 'tlsCert' : 'tlsCa', 'without it callers have no certificates')]
      : []),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
}

function needs(
  setting: keyof typeof tlsSettings,
  other: keyof typeof tlsSettings,
  what: string,
): { readonly variable: string; readonly problem: string } {
  return { variable: tlsSettings[setting].variable, problem: `needs ${tlsSettings[other].variable}: ${what}` };
}

function checkTrustDomain(template: string, { id }: CheckedMaterial): void {
  if (id === undefined) return;
  const example = parseSpiffeId(createServiceIds(template, id.trustDomain).idOf('order'));
  if (example?.trustDomain === id.trustDomain) return;
  const problem = `is "${template}", but ${tlsSettings.tlsCert.variable} is of the trust domain ${id.trustDomain}: use that`;
  throw new ConfigError([{ variable: tlsSettings.tlsServiceId.variable, problem }]);
}
