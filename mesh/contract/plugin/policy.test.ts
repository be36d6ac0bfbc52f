import { createFileRegistry, type FileRegistry } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProtoWorkspace, type ProtoWorkspace } from '../testing/proto-workspace.ts';
import { type CallPolicy, readPolicy } from './policy.ts';
import { type ServiceConfig, serviceConfig } from './service-config.ts';

let workspace: ProtoWorkspace;

beforeAll(async () => {
  workspace = await createProtoWorkspace();
});

afterAll(() => workspace.remove());

/** Compiles a service `Odd` with these options and methods. */
async function compile(content: string): Promise<FileRegistry> {
  await workspace.write(
    'odd/v1/odd.proto',
    `syntax = "proto3"; package odd.v1; import "mesh/v1/policy.proto"; message M {} service Odd { ${content} }`,
  );
  return createFileRegistry(await workspace.build());
}

function oddService(registry: FileRegistry) {
  const service = registry.getService('odd.v1.Odd');
  if (service === undefined) throw new Error('Odd was not compiled');
  return service;
}

async function policiesOf(content: string): Promise<Readonly<Record<string, CallPolicy>>> {
  const registry = await compile(content);
  return Object.fromEntries(oddService(registry).methods.map((method) => [method.name, readPolicy(method, registry)]));
}

async function configOf(content: string): Promise<ServiceConfig> {
  const registry = await compile(content);
  return serviceConfig([oddService(registry)], registry);
}

describe('the policy of a method', () => {
  it("takes from the service's defaults what its own options leave out", async () => {
    const policies = await policiesOf(`
      option (mesh.v1.defaults) = {
        timeout: {seconds: 2} max_attempts: 2 priority: PRIORITY_BULK
        retryable_codes: RETRYABLE_CODE_ABORTED breaker_group: "odd-ones"
      };
      rpc Plain(M) returns (M);
      rpc Own(M) returns (M) {
        option (mesh.v1.policy) = {
          timeout: {seconds: 9} max_attempts: 4 priority: PRIORITY_NORMAL
          retryable_codes: RETRYABLE_CODE_UNAVAILABLE breaker_group: "own"
        };
      }`);
    expect(policies).toMatchObject({
      Plain: {
        timeoutMs: 2_000,
        maxAttempts: 2,
        priority: 'bulk',
        retryableCodes: ['ABORTED'],
        breakerGroup: 'odd-ones',
      },
      Own: {
        timeoutMs: 9_000,
        maxAttempts: 4,
        priority: 'normal',
        retryableCodes: ['UNAVAILABLE'],
        breakerGroup: 'own',
      },
    });
  });

  it('gives a stream a deadline only if its own options do', async () => {
    const policies = await policiesOf(`
      option (mesh.v1.defaults) = {timeout: {seconds: 2}};
      rpc Endless(M) returns (stream M);
      rpc Limited(M) returns (stream M) { option (mesh.v1.policy).timeout = {seconds: 60}; }`);
    expect(policies).toMatchObject({ Endless: { timeoutMs: undefined }, Limited: { timeoutMs: 60_000 } });
  });

  it('says whether a call over HTTP must have an idempotency key', async () => {
    const { Plain, Pay } = await policiesOf(`
      rpc Plain(M) returns (M);
      rpc Pay(M) returns (M) { option (mesh.v1.policy).idempotency_key_required = true; }`);
    expect(Plain).not.toHaveProperty('idempotencyKeyRequired');
    expect(Pay).toHaveProperty('idempotencyKeyRequired', true);
  });

  it.each([
    ['timeout: {nanos: 500}', 'policy.timeout is 0.0005 ms; give whole milliseconds from 1 to 2147483647'],
    ['timeout: {}', 'policy.timeout is 0 ms'],
    ['max_attempts: 6', 'policy.max_attempts is 6; give 1 to 5, because other clients of gRPC make no more'],
    ['retryable_codes: RETRYABLE_CODE_UNSPECIFIED', 'policy.retryable_codes has 0: remove it'],
    ['breaker_group: "Slow ones"', 'policy.breaker_group "Slow ones" is not a valid name'],
  ])('refuses %s', async (option, problem) => {
    const policies = policiesOf(`rpc Do(M) returns (M) { option (mesh.v1.policy) = {${option}}; }`);
    await expect(policies).rejects.toThrow(`odd/v1/odd.proto: odd.v1.Odd.Do: ${problem}`);
  });
});

describe('the service config of a service', () => {
  it('retries only methods that may be repeated, after their codes', async () => {
    const { methodConfig } = await configOf(`
      rpc Change(M) returns (M);
      rpc Read(M) returns (M) {
        option idempotency_level = NO_SIDE_EFFECTS;
        option (mesh.v1.policy) = {
          max_attempts: 5 retryable_codes: [RETRYABLE_CODE_UNAVAILABLE, RETRYABLE_CODE_INTERNAL]
        };
      }
      rpc Once(M) returns (M) {
        option idempotency_level = NO_SIDE_EFFECTS;
        option (mesh.v1.policy).max_attempts = 1;
      }`);
    expect(methodConfig).toEqual([
      { name: ['Change', 'Once'].map((method) => ({ service: 'odd.v1.Odd', method })), timeout: '5s' },
      {
        name: [{ service: 'odd.v1.Odd', method: 'Read' }],
        timeout: '5s',
        retryPolicy: {
          maxAttempts: 5,
          initialBackoff: '0.100000000s',
          maxBackoff: '2s',
          backoffMultiplier: 2,
          retryableStatusCodes: ['UNAVAILABLE', 'INTERNAL'],
        },
      },
    ]);
  });

  it('writes parts of a second with nine digits, which all clients read alike', async () => {
    const { methodConfig } = await configOf(
      'rpc Do(M) returns (M) { option (mesh.v1.policy).timeout = {seconds: 1, nanos: 50000000}; }',
    );
    expect(methodConfig).toMatchObject([{ timeout: '1.050000000s' }]);
  });

  it('leaves out a method without deadline and retries', async () => {
    await expect(configOf('rpc Follow(M) returns (stream M);')).resolves.toMatchObject({ methodConfig: [] });
  });
});
