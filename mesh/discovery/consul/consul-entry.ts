import { isLocal, splitAddress } from '../../config/address.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { SelfDescription } from '../discovery.ts';
import { registryAnswerInvalid } from '../errors.ts';
import type { RegistryEntry } from '../registration.ts';
import type { RegistryAnswer, RegistryRequest } from '../registry-http.ts';
import { grpcTag } from './instances.ts';

/** Asks with the credentials of this process. */
type Ask = (request: Pick<RegistryRequest, 'method' | 'path' | 'body' | 'signal'>) => Promise<RegistryAnswer>;

export interface ConsulEntryOptions {
  readonly registry: string;
  readonly ask: Ask;
  readonly logger: Logger;
}

/** An agent that was restarted may have lost its entries, and callers find nothing until they are back. */
const confirmEveryMs = 1_000;

/**
 * The services of this process in an agent, with a check that asks its health every second. The check is of the process, not
 * of a contract: a contract that does not serve now is for callers to see, by its health, and no reason to forget an instance.
 */
export function consulEntry(self: SelfDescription, { registry, ask, logger }: ConsulEntryOptions): RegistryEntry {
  const [host, port] = splitAddress(self.address);
  const ids = self.services.map((service) => ({ service, id: `${service}-${self.instance}` }));
  const expectOk = ({ status }: RegistryAnswer) => {
    if (status !== 200) throw registryAnswerInvalid({ registry, problem: `HTTP ${status}` });
  };
  const isAtNode = isLocal(self.address) && self.isAtAllAddresses === true;
  let isFirst = true;

  /** An agent that has others is one of a cluster, in which `127.0.0.1` is another process on each machine. */
  async function warnIfUnreachable(signal: AbortSignal): Promise<void> {
    const answer = await ask({ path: '/v1/agent/members', signal });
    const members = answer.status === 200 ? answer.json() : [];
    if (Array.isArray(members) && members.length > 1)
      logger.warn({ registry, address: self.address, members: members.length }, unreachableText);
  }

  return {
    confirmEveryMs,
    async enter(signal) {
      if (isFirst && isLocal(self.address) && !isAtNode) await warnIfUnreachable(signal);
      isFirst = false;
      for (const { service, id } of ids) {
        const body = {
          ID: id,
          Name: service,
          // Without one, callers take the address of the node.
          Address: isAtNode ? '' : host,
          Port: port,
          Tags: [grpcTag],
          Meta: { version: self.version },
          Check: {
            CheckID: `${id}-health`,
            Name: 'gRPC health',
            GRPC: self.address,
            // It is entered once it serves. Without a status, callers find it after the first check.
            Status: 'passing',
            Interval: '1s',
            Timeout: '1s',
            // The minimum.
            DeregisterCriticalServiceAfter: '1m',
          },
        };
        const path = '/v1/agent/service/register?replace-existing-checks=true';
        expectOk(await ask({ method: 'PUT', path, body, signal }));
      }
    },
    async confirm(signal) {
      for (const { id } of ids) {
        const answer = await ask({ path: `/v1/agent/service/${encodeURIComponent(id)}`, signal });
        if (answer.status === 404) return false;
        expectOk(answer);
      }
      return true;
    },
    async remove(signal) {
      for (const { id } of ids) {
        const path = `/v1/agent/service/deregister/${encodeURIComponent(id)}`;
        const answer = await ask({ method: 'PUT', path, signal });
        if (answer.status !== 404) expectOk(answer);
      }
    },
  };
}

const unreachableText =
  'entered into a registry of several machines with an address that only this machine reaches: set ' +
  'GRPC_ADVERTISE=<host>:<port>, or GRPC_LISTEN=0.0.0.0:<port> (with TLS and tokens)';
