import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { expect, it, onTestFinished } from 'vitest';
import { describeServicesOnEachDatabase } from '../../mesh/testing/databases.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';
import { shopOf } from '../support/shop.ts';
import { send } from './support/http.ts';

// PostgreSQL cannot store it.
describeServicesOnEachDatabase('a text with NUL', (settings) => {
  it.each([
    ['GET', '/api/users?role=%00', undefined, 'role'],
    ['GET', '/api/users/%00', undefined, 'id'],
    ['POST', '/api/users', { name: 'a\0b', email: 'a@example.com' }, 'user.name'],
    ['POST', '/user.v1.UserService/GetUser', { id: '\0' }, undefined],
  ])('is refused with its field: %s %s', async (method, path, body, field) => {
    const mesh = await startMesh([userService, edgeService], { HTTP_LISTEN: '127.0.0.1:0', ...settings() });
    onTestFinished(() => mesh.stop());
    const answer = await send(mesh.httpAddress ?? '', method, path, { body });
    expect(answer.status).toBe(400);
    if (field !== undefined) expect(answer.json).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field }] });
  });

  it('is refused with its field over gRPC too', async () => {
    const mesh = await startMesh([userService], settings());
    onTestFinished(() => mesh.stop());
    const { users } = shopOf(mesh.runtime);
    const user = { name: 'a\0b', email: 'a@example.com' };
    await expect(users.createUser({ requestId: randomUUID(), user })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      violations: [{ field: 'user.name', description: 'must not contain NUL (U+0000)' }],
    });
  });
});
