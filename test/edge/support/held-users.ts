import type { User } from '#gen/user/v1/user.ts';
import type { MeshCallContext } from '../../../mesh/server/call-context.ts';
import { userServiceWith } from './user-service.ts';

/** A service of users whose handlers wait until the test says what they answer. */
export function heldUsers() {
  const calls: HeldCall[] = [];
  const hold = (_: unknown, context: MeshCallContext) =>
    new Promise<Partial<User>>((resolve, reject) => calls.push({ context, resolve, reject }));
  return { service: userServiceWith({ createUser: hold, getUser: hold, updateUser: hold }), calls };
}

interface HeldCall {
  readonly context: MeshCallContext;
  resolve(user: Partial<User>): void;
  reject(error: Error): void;
}
