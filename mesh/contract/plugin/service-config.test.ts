import { describe, expect, it } from 'vitest';
import { oddServices } from '../testing/odd-service.ts';
import { type ServiceConfig, serviceConfig } from './service-config.ts';

const compile = oddServices();

async function configOf(content: string): Promise<ServiceConfig> {
  const { service, registry } = await compile(content);
  return serviceConfig([service], registry);
}

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
