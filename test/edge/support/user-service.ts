import { UserServiceContract, type UserServiceHandlers } from '#gen/user/v1/user.contract.ts';
import type { ServiceDefinition } from '../../../mesh/app/service/service.ts';
import { serve } from '../../../mesh/server/serve.ts';
import { testService } from '../../../mesh/testing/test-service.ts';

/** A user service with these handlers only. Calls of others fail. */
export function userServiceWith(handlers: Partial<UserServiceHandlers>): ServiceDefinition {
  const none = () => Promise.reject(new Error('this test has no such handler'));
  const names = Object.keys(UserServiceContract.methods);
  const all = {
    ...Object.fromEntries(names.map((name) => [name, none])),
    ...handlers,
  } as unknown as UserServiceHandlers;
  return testService('user', async () => ({
    serves: [serve(UserServiceContract, all, { idempotency: 'by-handler' })],
  }));
}
