import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { grpcPython, grpcPythonPath } from '../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { exportPlainProtos, exportProtos } from '../scripts/protos.ts';
import { allServices } from '../services/all.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from './support/shop.ts';

const client = fileURLToPath(new URL('./support/contract_versions.py', import.meta.url));
const run = promisify(execFile);

/** Changes of a contract: what to replace, and with what. */
type Edits = Readonly<Record<string, readonly (readonly [string, string])[]>>;

const newer: Edits = {
  'user/v1/user.proto': [
    ['  string role = 4;\n', '  string role = 4;\n  string nickname = 100;\n'],
    ['  User user = 2;\n', '  User user = 2;\n  bool dry_run = 100;\n'],
    ['service UserService {\n', 'service UserService {\n  rpc GreetUser(GetUserRequest) returns (User) {}\n'],
  ],
  'order/v1/order.proto': [
    ['  ORDER_STATE_PENDING = 1;\n', '  ORDER_STATE_PENDING = 1;\n  ORDER_STATE_PAUSED = 100;\n'],
  ],
  'events/v1/events.proto': [['  START_LATEST = 2;\n', '  START_LATEST = 2;\n  START_YESTERDAY = 100;\n']],
};

const older: Edits = {
  'user/v1/user.proto': [['  string role = 4;\n', '']],
  'order/v1/order.proto': [
    ['  ORDER_STATE_COMPLETED = 5;\n', ''],
    ['  string payment_id = 7;\n', ''],
  ],
};

describeWithServer(grpcPython, 'a client in Python', () => {
  const stack = new AsyncDisposableStack();
  let folder: string;
  let mesh: TestMesh;
  let shop: Shop;
  let orderId: string;
  let newerGot: Readonly<Record<string, unknown>>;
  let olderGot: Readonly<Record<string, unknown>>;

  beforeAll(async () => {
    folder = stack.use(await tempFolder()).path;
    mesh = stack.adopt(await startMesh(allServices), (started) => started.stop());
    shop = shopOf(mesh.runtime);
    await fillShop(shop);
    await shop.users.updateUser({ user: { id: 'ada', role: 'admin' } });
    ({ id: orderId } = await shop.orders.placeOrder(bookOrder()));
    await watchToEnd(shop.orders, orderId);
    await mesh.runtime.events.ensureTopic('versions');
    await exportProtos(join(folder, 'protos'));
    newerGot = await callWith('newer', newer);
    olderGot = await callWith('older', older);
  });
  afterAll(() => stack.disposeAsync());

  /** Generates code from an edited contract, and returns what the client got. */
  async function callWith(version: string, edits: Edits): Promise<Readonly<Record<string, unknown>>> {
    const [protos, code] = [join(folder, version), join(folder, `${version}-py`)];
    await exportPlainProtos(join(folder, 'protos'), protos);
    for (const [path, changes] of Object.entries(edits)) {
      let source = await readFile(join(protos, path), 'utf8');
      for (const [from, to] of changes) {
        expect(source).toContain(from);
        source = source.replace(from, to);
      }
      await writeFile(join(protos, path), source);
    }
    await mkdir(code);
    const compile = `${grpcPythonPath} -m grpc_tools.protoc -I . --python_out=${code} --grpc_python_out=${code}`;
    await run('sh', ['-c', `${compile} */v1/*.proto google/rpc/*.proto`], { cwd: protos });
    const args = [client, version, mesh.address, orderId];
    const { stdout } = await run(grpcPythonPath, args, { env: { PYTHONPATH: code } });
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  describe('of a newer contract', () => {
    it('is served; fields that the mesh does not know have no effect', () => {
      expect(newerGot).toMatchObject({ nickname: '', unchanged: true });
    });

    it('gets the first response to a repeated request, with or without the unknown fields', () => {
      expect(newerGot).toMatchObject({ repeated: true });
    });

    it.each([
      ['masked', 'update_mask'],
      ['filter', 'state'],
      ['position', 'start'],
    ])('is refused with the field that has an unknown value: %s, %s', (call, field) => {
      expect(newerGot[call]).toEqual({ code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', fields: [field] });
    });

    it('is refused with UNKNOWN_METHOD for a method that the mesh does not have', () => {
      expect(newerGot.method).toEqual({ code: 'UNIMPLEMENTED', reason: 'UNKNOWN_METHOD' });
    });
  });

  describe('of an older contract', () => {
    it('gets new fields and enum values, and may send them back', () => {
      expect(olderGot).toMatchObject({ state: OrderState.ORDER_STATE_COMPLETED, 'of the order': [7] });
    });

    it('does not clear fields that it does not know', async () => {
      await expect(shop.users.getUser({ id: 'ada' })).resolves.toMatchObject({ name: 'Ada Lovelace', role: 'admin' });
    });

    it('gets events as they were published', () => {
      expect(olderGot).toMatchObject({ 'of the event': [100] });
    });
  });
});
