import { once } from 'node:events';
import { connect } from 'node:net';
import { Status } from 'nice-grpc-common';
import { expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userServiceWith } from './support/user-service.ts';

it('a client that leaves while its resumed stream waits for the service leaves its place', {
  timeout: 60_000,
}, async () => {
  let attempts = 0;
  const users = userServiceWith({
    // biome-ignore lint/correctness/useYield: it is away.
    async *listUsers() {
      attempts += 1;
      throw new MeshError(Status.UNAVAILABLE, 'AWAY', 'away');
    },
  });
  const mesh = await startMesh([users, edgeService], { HTTP_LISTEN: '127.0.0.1:0', METRICS_LISTEN: '127.0.0.1:0' });
  onTestFinished(() => mesh.stop());
  const placesTaken = async () => {
    const text = await (await fetch(`http://${mesh.metricsAddress}/metrics`)).text();
    return Number(/^ordermesh_calls_streams\{contract="http user.v1.UserService"\} (\d+)$/m.exec(text)?.[1]);
  };
  const [host = '', port] = (mesh.httpAddress ?? '').split(':');
  // Each leaves at another moment before the head of its answer.
  for (const attempt of [2, 3, 3]) {
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    const from = attempts;
    socket.write('GET /api/users HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\nlast-event-id: ada\r\n\r\n');
    await eventually(() => expect(attempts).toBeGreaterThanOrEqual(from + attempt), { intervalMs: 5 });
    socket.destroy();
  }
  await eventually(async () => expect(await placesTaken()).toBe(0));
});
