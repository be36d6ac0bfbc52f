import { setTimeout } from 'node:timers/promises';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ServiceContract } from '../../contract/contract.ts';
import { type EchoDefinition, echoService } from '../../server/testing/echo-service.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type StartedProcess, startProcess } from '../../testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { testService } from '../../testing/test-service.ts';
import { startTraffic, type Traffic } from './traffic.ts';

/** A registry that runs, for the scenarios. */
export interface TestRegistry extends AsyncDisposable {
  /** `DISCOVERY_URL` of the caller, and of instances if they register. All instances have the same port. */
  url(port: number): string;
  /** Enters these addresses of the service `test`, and removes all others. Missing where instances register. */
  enter?(addresses: readonly string[], draining: readonly string[]): Promise<void>;
  /** Returns the host of an instance, from 1. Default: one of 127.0.0.0/8. */
  host?(instance: number): string;
  /** Kills it. */
  kill(): Promise<void>;
  /** Starts it again at its address. Resolves once it answers. */
  start(): Promise<void>;
}

export interface ScenarioOptions {
  startRegistry(): Promise<TestRegistry>;
  /** The time in which a change is seen: 2 s, or the TTL of the registry. Default: 2 s. */
  readonly seenWithinMs?: number;
  /** How long the registry is away, without the time of its start. Default: 30 s. */
  readonly awayMs?: number;
}

/** After failures the registry is asked again after up to 1 s. */
const askedAgainMs = 1_000;

/** How long an instance that must get no calls is watched. */
const quietMs = 2_000;

/** A start of a process takes long on a busy machine. */
const timeoutMs = 180_000;

/**
 * What a caller relies on, whatever the registry: with 50 calls a second, instances of a service are added, drained and
 * killed, and the registry is killed and comes back. The tests depend on each other.
 */
export function testScenarios({ startRegistry, seenWithinMs = 2_000, awayMs = 30_000 }: ScenarioOptions): void {
  let registry: TestRegistry;
  let folder: TempFolder;
  let port: number;
  let caller: TestMesh;
  let traffic: Traffic;
  const running = new Map<string, StartedProcess>();
  let started = 0;

  let entering: Promise<void> | undefined;
  /** Enters what runs when those before are done: two at once would both create what they do not find. */
  const enter = async (draining: readonly string[] = []) => {
    const before = entering;
    entering = (async () => {
      await before?.catch(() => undefined);
      await registry.enter?.([...running.keys()], draining);
    })();
    await entering;
  };

  /** Starts an instance. It is entered once it serves. */
  async function add(): Promise<string> {
    started += 1;
    const host = registry.host?.(started) ?? `127.0.0.${started + 1}`;
    const address = `${host}:${port}`;
    const registers = registry.enter === undefined;
    const instance = await startProcess({
      main: 'mesh/discovery/suite/instance-main.ts',
      dataDir: `${folder.path}/${started}`,
      // The addresses of pods are not those of this machine, but nobody else reaches them either.
      environment: {
        GRPC_LISTEN: address,
        ALLOW_INSECURE: '1',
        ...(registers && { DISCOVERY_URL: registry.url(port) }),
      },
    });
    running.set(address, instance);
    await enter();
    return address;
  }

  /** Takes an instance from those that run. */
  function take(): readonly [string, StartedProcess] {
    const [first] = running;
    if (!first) return expect.fail('no instance runs');
    running.delete(first[0]);
    return first;
  }

  /** Fails if a call is sent to the instance from now on. */
  async function getsNoCalls(address: string): Promise<void> {
    const picks = () => {
      const instances = caller.runtime.endpoints.of('test').instances();
      return instances.find((instance) => instance.address === address)?.picks;
    };
    const before = picks();
    await setTimeout(quietMs);
    // One that is no longer found has none.
    expect(picks() ?? before).toBe(before);
  }

  beforeAll(async () => {
    registry = await startRegistry();
    folder = await tempFolder();
    port = await freePort();
    await Promise.all([add(), add()]);
    let client: Client<typeof EchoDefinition> | undefined;
    const callerService = testService('caller', async (runtime) => {
      // Like a method that only reads.
      const policy = {
        timeoutMs: 5_000,
        maxAttempts: 3,
        retryableCodes: ['UNAVAILABLE'],
        breakerGroup: 'queries',
      } as const;
      const contract = echoService({}, policy).contract as unknown as ServiceContract<typeof EchoDefinition>;
      client = runtime.client(contract);
      return {};
    });
    caller = await startMesh([callerService], { DISCOVERY_URL: registry.url(port) });
    traffic = startTraffic(async () => (await client?.one({}))?.id ?? '');
  }, timeoutMs);

  afterAll(async () => {
    await traffic?.stop();
    await caller?.stop();
    await Promise.all([...running.values()].map((instance) => instance.kill9()));
    await registry?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  }, timeoutMs);

  it('finds all instances from the first call on', async () => {
    const sinceMs = traffic.now();
    await Promise.all([...running.keys()].map((address) => traffic.answeredBy(address, sinceMs, seenWithinMs)));
    expect(traffic.failedSince(0)).toEqual([]);
  });

  it('finds an instance that is added', { timeout: timeoutMs }, async () => {
    const sinceMs = traffic.now();
    const address = await add();
    await traffic.answeredBy(address, traffic.now(), seenWithinMs);
    expect(traffic.failedSince(sinceMs)).toEqual([]);
  });

  it('loses no call when an instance drains, and sends it none', { timeout: timeoutMs }, async () => {
    const sinceMs = traffic.now();
    const [address, instance] = take();
    // A process that drains runs until this stream ends.
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const contract = echoService().contract as unknown as ServiceContract<typeof EchoDefinition>;
    const stream = instance.client(contract).chat(
      (async function* () {
        yield {};
        await held;
      })(),
    );
    const replies = stream[Symbol.asyncIterator]();
    await replies.next();
    // If others enter it, it accepts calls meanwhile: its callers know of the drain by the registry alone.
    const stopped = registry.enter ? enter([address]) : instance.stop();
    await setTimeout(seenWithinMs);
    await getsNoCalls(address);
    release();
    expect((await replies.next()).done).toBe(true);
    await stopped;
    await expect(registry.enter ? instance.stop() : stopped).resolves.toEqual({ code: 0, signal: null });
    await enter();
    expect(traffic.failedSince(sinceMs)).toEqual([]);
  });

  it('leaves an instance that is killed within 5 s, also if the registry does not', {
    timeout: timeoutMs,
  }, async () => {
    const [address, instance] = take();
    await Promise.all([instance.kill9(), setTimeout(5_000)]);
    const sinceMs = traffic.now();
    await getsNoCalls(address);
    expect(traffic.failedSince(sinceMs)).toEqual([]);
    await add();
  });

  it('loses no call when the registry restarts, and finds an instance that is added after', {
    timeout: timeoutMs,
  }, async () => {
    const sinceMs = traffic.now();
    await registry.kill();
    await registry.start();
    const address = await add();
    await traffic.answeredBy(address, traffic.now(), askedAgainMs + seenWithinMs);
    expect(traffic.failedSince(sinceMs)).toEqual([]);
  });

  it('continues with the last instances while the registry is away, and finds new ones when it is back', {
    timeout: timeoutMs,
  }, async () => {
    const sinceMs = traffic.now();
    await registry.kill();
    await setTimeout(awayMs);
    expect(await oldestAge(caller)).toBeGreaterThan(awayMs / 1000 - 5);
    expect(traffic.failedSince(sinceMs)).toEqual([]);
    await registry.start();
    const address = await add();
    await traffic.answeredBy(address, traffic.now(), askedAgainMs + seenWithinMs);
    await Promise.all([...running.keys()].map((each) => traffic.answeredBy(each, traffic.now(), seenWithinMs)));
    expect(await oldestAge(caller)).toBeLessThan(5);
    expect(traffic.failedSince(sinceMs)).toEqual([]);
  });
}

async function oldestAge({ runtime }: TestMesh): Promise<number> {
  const { text } = await runtime.metrics.scrape();
  return Number(/^ordermesh_discovery_age_seconds\{service="test"\} (\S+)$/m.exec(text)?.[1]);
}
