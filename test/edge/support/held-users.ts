import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { User } from '#gen/user/v1/user.ts';
import type { MeshCallContext } from '../../../mesh/server/call-context.ts';
import { serve } from '../../../mesh/server/serve.ts';
import { testService } from '../../../mesh/testing/test-service.ts';

/** A service of users whose handlers wait until the test says what they answer. */
export function heldUsers() {
  const calls: HeldCall[] = [];
  const hold = (_: unknown, context: MeshCallContext) =>
    new Promise<Partial<User>>((resolve, reject) => calls.push({ context, resolve, reject }));
  const none = () => {
    throw new Error('the test does not call this');
  };
  const handlers = {
    createUser: hold,
    getUser: hold,
    updateUser: hold,
    batchGetUsers: none,
    listUsers: none,
    deleteUser: none,
    importUsers: none,
  };
  const service = testService('user', async () => ({
    serves: [serve(UserServiceContract, handlers, { idempotency: 'by-handler' })],
  }));
  return { service, calls };
}

interface HeldCall {
  readonly context: MeshCallContext;
  resolve(user: Partial<User>): void;
  reject(error: Error): void;
}
