import { isLocal } from '../config/address.ts';
import { type Config, ConfigError } from '../config/config.ts';
import { processSettings } from '../config/process-settings.ts';
import type { ConfigFault } from '../config/setting.ts';
import { inRepository } from '../errors/commands-here.ts';
import type { Logger } from '../telemetry/logger.ts';

const nodeTls = 'NODE_TLS_REJECT_UNAUTHORIZED';

/** What can protect a listener: how a fault calls it, and the settings that it needs. */
const safeguards = {
  tls: { text: 'TLS', settings: ['TLS_CERT', 'TLS_KEY'] },
  clientCertificates: { text: 'client certificates', settings: ['TLS_CA'] },
  tokens: { text: 'tokens', settings: ['AUTH_JWKS', 'AUTH_ISSUER', 'AUTH_AUDIENCE'] },
} as const;
type Safeguard = keyof typeof safeguards;

/** Those that a listener has. */
export type Safeguards = ReadonlySet<Safeguard>;

/** A listener that other machines reach, and what it lacks for that. */
export interface ExposedListener {
  /** `GRPC_LISTEN`. */
  readonly variable: string;
  readonly address: string;
  /** `TLS and tokens`. */
  readonly without: string;
  /** The settings that are missing. */
  readonly settings: readonly string[];
}

type ListenSettings = Pick<Config, 'grpcListen' | 'httpListen' | 'httpTlsCert' | 'metricsListen' | 'opsListen'>;

const callsNeed: readonly Safeguard[] = ['tls', 'tokens'];
const machinesNeed: readonly Safeguard[] = ['tls', 'clientCertificates'];
/** Operators change things there. */
const operatorsNeed: readonly Safeguard[] = ['tls', 'clientCertificates', 'tokens'];

/**
 * Returns the listeners of a process that other machines reach without proving who they are. Callers of services
 * prove it with tokens, over TLS; those that read metrics are machines, which have certificates. Who changes things
 * at a gateway needs both.
 */
export function exposedListeners(
  { grpcListen, httpListen, httpTlsCert, metricsListen, opsListen }: ListenSettings,
  hasEdge: boolean,
  has: Safeguards,
): readonly ExposedListener[] {
  const listeners = [
    { ...processSettings.grpcListen, address: grpcListen, needs: callsNeed },
    {
      ...processSettings.httpListen,
      address: hasEdge ? httpListen : '',
      needs: httpTlsCert === '' ? callsNeed : (['tokens'] as const),
    },
    { ...processSettings.metricsListen, address: metricsListen, needs: machinesNeed },
    { ...processSettings.opsListen, address: opsListen, needs: operatorsNeed },
  ];
  return listeners.flatMap(({ variable, address, needs }) => {
    const lacks = needs.filter((safeguard) => !has.has(safeguard)).map((safeguard) => safeguards[safeguard]);
    if (address === '' || isLocal(address) || lacks.length === 0) return [];
    const without = lacks.map(({ text }) => text).join(' and ');
    return [{ variable, address, without, settings: lacks.flatMap(({ settings }) => settings) }];
  });
}

/** Throws a ConfigError if Node accepts the certificate of any server: no process of a mesh needs that. */
export function checkNodeTls({ [nodeTls]: value }: NodeJS.ProcessEnv): void {
  if (value !== '0') return;
  const problem = 'is 0, which lets anyone pose as a server: unset it, and name the authorities in TLS_CA or *_CA_FILE';
  throw new ConfigError([{ variable: nodeTls, problem }]);
}

/**
 * Throws a ConfigError that names each such listener and the ways out, unless `ALLOW_INSECURE` permits and logs them.
 */
export function checkExposure(config: Config, hasEdge: boolean, logger: Logger): void {
  const exposed = exposedListeners(config, hasEdge, safeguardsOf(config));
  if (!config.allowInsecure) {
    if (exposed.length > 0) throw new ConfigError(exposed.map(faultOf));
    return;
  }
  const listeners = exposed.map(({ variable, address, without }) => `${variable}=${address} without ${without}`);
  if (listeners.length > 0) logger.warn({ listeners }, insecure);
  else logger.warn(notNeeded);
}

/** Those that the settings give to all listeners. */
function safeguardsOf({ tlsCert, tlsCa, authJwks }: Config): Safeguards {
  const hasTls = tlsCert !== '';
  return new Set<Safeguard>([
    ...(hasTls ? (['tls'] as const) : []),
    ...(hasTls && tlsCa !== '' ? (['clientCertificates'] as const) : []),
    ...(authJwks === '' ? [] : (['tokens'] as const)),
  ]);
}

function faultOf({ variable, address, without, settings }: ExposedListener): ConfigFault {
  const port = address.slice(address.lastIndexOf(':'));
  const set = `set ${settings.join(', ')} (docs/security.md${inRepository ? '; "make start TLS=1 AUTH=1" tries it' : ''})`;
  const ways = `listen on 127.0.0.1${port}, or ${set}, or set ALLOW_INSECURE=1 if only a private network reaches it`;
  return { variable, problem: `is ${address}, which other machines reach without ${without}: ${ways}` };
}

const insecure =
  'ALLOW_INSECURE=1: other machines can call this process without TLS or authentication: allow only a private ' +
  'network to reach it';

const notNeeded =
  'ALLOW_INSECURE=1 is not needed, because each listener is protected or on a loopback address: remove it, so a ' +
  'listener that is opened by mistake is refused';
