import { isIP } from 'node:net';
import { splitAddress } from '../../config/address.ts';
import type { FoundEndpoint, SelfDescription } from '../discovery.ts';
import { joinAddress, memberAt, textAt } from '../json-members.ts';

/** Where instances keep the port of gRPC: ours, and those of grpc-spring. */
const portKeys = ['grpcPort', 'gRPC_port', 'gRPC.port'];

/** A lease that is not renewed for three intervals has expired; a server of Eureka waits twice as long. */
const intervalsPerLease = 3;

const states: Readonly<Record<string, FoundEndpoint['state']>> = { UP: 'ready', OUT_OF_SERVICE: 'draining' };

/** Reads `{ "application": { "instance": […] } }`; `undefined` if it is not that. Instances that are not up are left out. */
export function readInstances(answer: object): readonly FoundEndpoint[] | undefined {
  return objectsAt(answer, 'application', 'instance')?.flatMap((instance) => {
    const state = states[textAt(instance, 'status') ?? ''];
    if (state === undefined) return [];
    return [{ address: addressOf(instance), state, version: textAt(instance, 'metadata', 'version') }];
  });
}

/** Reads the names of the services that have a port of gRPC; `undefined` if the answer is not a list of applications. */
export function readNames(answer: object): readonly string[] | undefined {
  const apps =
    memberAt(answer, 'applications') === undefined ? undefined : objectsAt(answer, 'applications', 'application');
  const withGrpc = apps?.filter((app) =>
    objectsAt(app, 'instance')?.some((instance) => grpcPortOf(instance) !== undefined),
  );
  return withGrpc?.flatMap((app) => textAt(app, 'name')?.toLowerCase() ?? []);
}

/** Returns the objects of a list at this path. Some servers answer with the object itself where a list has one element. */
function objectsAt(answer: object, ...path: readonly string[]): readonly object[] | undefined {
  const found = memberAt(answer, ...path);
  const list: readonly unknown[] = Array.isArray(found) ? found : [found];
  return list.every((each) => typeof each === 'object' && each !== null) ? (list as readonly object[]) : undefined;
}

function grpcPortOf(instance: object): string | undefined {
  return portKeys.map((key) => textAt(instance, 'metadata', key)).find((port) => port !== undefined);
}

/** Describes this process as an instance of an application. */
export function describeInstance(service: string, id: string, self: SelfDescription, renewMs: number): object {
  const [host, port] = splitAddress(self.address);
  const now = String(Date.now());
  const renewSeconds = Math.ceil(renewMs / 1000);
  return {
    instance: {
      instanceId: id,
      app: appOf(service),
      hostName: host,
      ipAddr: host,
      vipAddress: service,
      secureVipAddress: service,
      status: 'UP',
      overriddenStatus: 'UNKNOWN',
      port: { $: port, '@enabled': 'true' },
      securePort: { $: 443, '@enabled': 'false' },
      countryId: 1,
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: renewSeconds, durationInSecs: intervalsPerLease * renewSeconds },
      metadata: { grpcPort: String(port), gRPC_port: String(port), version: self.version },
      lastUpdatedTimestamp: now,
      lastDirtyTimestamp: now,
    },
  };
}

/** The application of a service. */
export function appOf(service: string): string {
  return service.toUpperCase();
}

/** A host name may be one that only its own container knows. */
function addressOf(instance: object): string {
  const ip = textAt(instance, 'ipAddr') ?? '';
  const host = isIP(ip) === 0 ? memberAt(instance, 'hostName') : ip;
  return joinAddress(host, grpcPortOf(instance) ?? memberAt(instance, 'port', '$'));
}
