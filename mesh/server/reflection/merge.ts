import type { ServerReflectionRequest } from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { Endpoints } from '../../balancing/endpoints.ts';
import { serviceNameOf } from '../../discovery/discovery.ts';
import type { Clock } from '../../time/clock.ts';
import { isFound, listAnswer, type ReflectionAnswer } from './answer.ts';
import { askReflection } from './ask.ts';

/** The reflection of the processes behind this one. */
export interface MergedReflection {
  /** Asks each service for its contracts, unless it has answered within 10 s. Never rejects. */
  list(): Promise<readonly string[]>;
  /** Answers one request. `own`: the answer of this process. */
  answer(request: ServerReflectionRequest, own: ReflectionAnswer): Promise<ReflectionAnswer>;
}

export interface MergedReflectionOptions {
  readonly endpoints: Endpoints;
  /** The contracts that are listed for services that do not answer. */
  readonly declared: readonly string[];
  /** Is called with the services that are listed, each time somebody asks for them. */
  readonly found: (services: readonly string[]) => void;
  readonly clock: Clock;
}

/** What a service at these addresses serves. */
interface Listing {
  readonly addresses: string;
  readonly atMs: number;
  readonly names: Promise<readonly string[]>;
}

const keepMs = 10_000;
const listRequest: ServerReflectionRequest = { host: '', messageRequest: { $case: 'listServices', value: '' } };

/**
 * Merges the reflection of all services that discovery knows: one instance of each is asked. A symbol belongs to the service
 * of its package. A service that is away, or has no reflection, is described by this process.
 */
export function mergeReflection({ endpoints, declared, found, clock }: MergedReflectionOptions): MergedReflection {
  const listings = new Map<string, Listing>();

  const ask = async (service: string, request: ServerReflectionRequest) => {
    const [endpoint] = endpoints.of(service).endpoints();
    return endpoint && (await askReflection(endpoint.transport, request));
  };
  const askAll = async (request: ServerReflectionRequest) => {
    const answers = await Promise.all(endpoints.names().map((service) => ask(service, request)));
    return answers.find((answer) => answer !== undefined);
  };
  const listOne = async (service: string): Promise<readonly string[]> => {
    const isOfService = (name: string) => serviceNameOf(name) === service;
    const answer = await ask(service, listRequest);
    const found = answer?.$case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : declared;
    return found.filter(isOfService);
  };
  const listOnce = (service: string): Promise<readonly string[]> => {
    const addresses = endpoints
      .of(service)
      .endpoints()
      .map(({ address }) => address)
      .join();
    const last = listings.get(service);
    if (last?.addresses === addresses && clock.elapsedMs() - last.atMs < keepMs) return last.names;
    const names = listOne(service);
    listings.set(service, { addresses, atMs: clock.elapsedMs(), names });
    return names;
  };

  const list = async () => {
    const known = (await Promise.all(endpoints.names().map(listOnce))).flat();
    found(known);
    return known;
  };

  return {
    list,
    async answer(request, own) {
      const { messageRequest } = request;
      if (own.$case === 'listServicesResponse')
        return listAnswer([...own.value.service.map(({ name }) => name), ...(await list())]);
      if (messageRequest?.$case === 'fileContainingSymbol') {
        // An instance may have a newer contract than this process.
        const owner = serviceNameOf(messageRequest.value);
        const answer = endpoints.names().includes(owner) ? await ask(owner, request) : undefined;
        if (answer !== undefined) return answer;
      }
      return isFound(own) ? own : ((await askAll(request)) ?? own);
    },
  };
}
