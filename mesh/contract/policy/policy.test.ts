import { describe, expect, it } from 'vitest';
import { oddServices } from '../testing/odd-service.ts';
import { type CallPolicy, readPolicy } from './policy.ts';

const compile = oddServices();

async function policiesOf(content: string): Promise<Readonly<Record<string, CallPolicy>>> {
  const { service, registry } = await compile(content);
  return Object.fromEntries(service.methods.map((method) => [method.name, readPolicy(method, registry)]));
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

  it('has the rate of the method, or of its service, whose burst is a second by default', async () => {
    const policies = await policiesOf(`
      option (mesh.v1.defaults) = {rate: {per_second: 5}};
      rpc Plain(M) returns (M);
      rpc Own(M) returns (M) { option (mesh.v1.policy).rate = {per_second: 2 burst: 30}; }`);
    expect(policies).toMatchObject({
      Plain: { rate: { perSecond: 5, burst: 5 } },
      Own: { rate: { perSecond: 2, burst: 30 } },
    });
    expect((await policiesOf('rpc Plain(M) returns (M);')).Plain).not.toHaveProperty('rate');
  });

  it.each([
    ['{}', 'policy.rate.per_second is 0; give 1 to 1000000'],
    ['{per_second: 1000001}', 'policy.rate.per_second is 1000001'],
    ['{per_second: 1 burst: 1000001}', 'policy.rate.burst is 1000001'],
  ])('refuses the rate %s', async (rate, problem) => {
    const method = `rpc Plain(M) returns (M) { option (mesh.v1.policy).rate = ${rate}; }`;
    await expect(policiesOf(method)).rejects.toThrow(problem);
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
