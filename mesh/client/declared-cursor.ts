import type { MethodContract } from '../contract/contract.ts';
import type { Cursor } from './resumable.ts';

/**
 * Returns the cursors of a method whose contract says how its streams continue (`resume` in `mesh.v1.MethodPolicy`). Respects the
 * `limit` of a request. Throws TypeError for any other method. Example:
 * `resumable(users.listUsers, declaredCursor(UserServiceContract.methods.listUsers))`.
 */
export function declaredCursor<Request extends object>({
  resume,
}: Pick<MethodContract<Request>, 'resume' | 'validate'>): (
  request: Partial<Request>,
) => Cursor<Partial<Request>, object> {
  if (resume === undefined) throw new TypeError('the contract does not say how the streams of this method continue');
  const { after, oneof, cursor, hasLimit } = resume;
  return (request) => {
    const limit = hasLimit ? Number(Reflect.get(request, 'limit') ?? 0) : 0;
    let value: unknown;
    let taken = 0;
    return {
      startAt(start) {
        if (taken === 0) value = start;
      },
      take(item) {
        // What an older server does not send leaves the last one.
        value = Reflect.get(item, cursor) || value;
        taken += 1;
        return true;
      },
      next() {
        if (limit > 0 && taken >= limit) return undefined;
        if (value === undefined) return request;
        const from = oneof === undefined ? { [after]: value } : { [oneof]: { $case: after, value } };
        return { ...request, ...from, ...(limit > 0 && { limit: limit - taken }) };
      },
    };
  };
}
