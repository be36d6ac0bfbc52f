import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { AccessRule } from '../mesh/contract/contract.ts';
import type { Caller } from '../mesh/identity/caller.ts';
import { MethodAccess } from '../mesh/security/authorization/method-access.ts';
import { atMost, type Benchmark } from './figure.ts';

const checks = 5_000_000;
const call = { path: '/user.v1.UserService/UpdateUser', peer: '127.0.0.1:1' };
const roles = ['user', 'buyer'];

/** What it costs a call to decide whether its caller may make it, without finding out who that is. */
export const benchAuthorization: Benchmark = async () => {
  const { updateUser } = UserServiceContract.methods;
  const { listOrders } = OrderServiceContract.methods;
  const owner: Caller = { service: undefined, subject: 'ada', roles };
  const operator: Caller = { service: undefined, subject: 'olga', roles: ['user', 'operator'] };
  const ops: Caller = { service: 'ops', subject: 'olga', roles: ['operator'] };
  const request = { user: { id: 'ada' } };
  return [
    atMost('authorization of a call by its owner', microsecondsOf(updateUser.access, owner, request), 1, 'µs'),
    atMost('by a role', microsecondsOf(updateUser.access, operator, request), 1, 'µs'),
    atMost('by a service', microsecondsOf(listOrders.access, ops, request), 1, 'µs'),
  ];
};

/** The processor time of the decision about a call, with that about its owner. */
function microsecondsOf(rule: AccessRule | undefined, caller: Caller, request: unknown): number {
  const access = new MethodAccess(rule, () => undefined);
  const check = () => {
    if (access.admit(call, caller) === 'own') access.assertIs(call, caller, access.ownerOf(request));
  };
  for (let times = 0; times < checks / 10; times += 1) check();
  const before = process.cpuUsage();
  for (let times = 0; times < checks; times += 1) check();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / checks;
}
