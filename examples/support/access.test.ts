import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { AccessError, type RunningMesh, readAccess, runningMeshFile } from './access.ts';

const address = '127.0.0.1:50051';
const nothing = { tls: undefined, token: undefined };

describe('readAccess', () => {
  it('needs nothing', () => {
    expect(readAccess({ DATA_DIR: '/missing' }, address)).toEqual(nothing);
  });

  it('reads files, and the token from a variable or a file', async () => {
    await using folder = await tempFolder();
    const file = (name: string) => join(folder.path, name);
    for (const name of ['ca', 'cert', 'key', 'token']) await writeFile(file(name), `${name}\n`);
    const tls = { TLS_CA: file('ca'), TLS_CERT: file('cert'), TLS_KEY: file('key') };
    expect(readAccess({ ...tls, ORDERMESH_TOKEN: 'a.b.c' }, address)).toEqual({
      tls: { ca: 'ca\n', cert: 'cert\n', key: 'key\n' },
      token: 'a.b.c',
    });
    expect(readAccess({ TLS_CA: file('ca'), ORDERMESH_TOKEN_FILE: file('token') }, address)).toEqual({
      tls: { ca: 'ca\n' },
      token: 'token',
    });
  });

  it.each([
    { TLS_CA: '/missing' },
    { ORDERMESH_TOKEN_FILE: '/missing' },
    { TLS_CERT: '/missing' },
    { TLS_CA: '/missing', TLS_KEY: '/missing' },
  ])('refuses %o with the name of a variable', (environment) => {
    expect(() => readAccess(environment, address)).toThrow(AccessError);
    expect(() => readAccess(environment, address)).toThrow(new RegExp(Object.keys(environment)[0] ?? ''));
  });

  it('sends no token without TLS to another machine', () => {
    const ORDERMESH_TOKEN = 'a.b.c';
    for (const other of ['mesh.example:50051', '10.0.0.7:50051', '127.0.0.1.evil.example:50051'])
      expect(() => readAccess({ ORDERMESH_TOKEN }, other)).toThrow(`a token is sent to ${other} with TLS only`);
    expect(readAccess({ ORDERMESH_TOKEN }, 'mesh.example:443', true).token).toBe('a.b.c');
    expect(() => readAccess({ ORDERMESH_TOKEN, TLS_CA: '/ca.pem' }, 'mesh.example', false)).toThrow('with TLS only');
    for (const own of ['localhost:50051', '127.0.0.1:50051', '[::1]:50051', 'localhost'])
      expect(readAccess({ ORDERMESH_TOKEN }, own).token).toBe('a.b.c');
  });

  describe('of a mesh that runs on this machine', () => {
    async function read(mesh: Partial<RunningMesh>, asked = address, environment = {}) {
      await using folder = await tempFolder();
      await writeFile(join(folder.path, 'ca'), 'CA');
      const left = { pid: process.pid, addresses: [address], ca: join(folder.path, 'ca'), token: 'a.b.c', ...mesh };
      await writeFile(runningMeshFile(folder.path), JSON.stringify(left));
      return readAccess({ DATA_DIR: folder.path, ...environment }, asked);
    }

    it('is what it left in its data folder', async () => {
      expect(await read({})).toEqual({ tls: { ca: 'CA' }, token: 'a.b.c' });
      expect(await read({}, 'localhost:50051')).toEqual({ tls: { ca: 'CA' }, token: 'a.b.c' });
      expect(await read({ addresses: ['0.0.0.0:50051'] })).toMatchObject({ token: 'a.b.c' });
    });

    it('is what settings leave open', async () => {
      expect(await read({}, address, { ORDERMESH_TOKEN: 'd.e.f' })).toEqual({ tls: { ca: 'CA' }, token: 'd.e.f' });
      await using folder = await tempFolder();
      const file = join(folder.path, 'own');
      await writeFile(file, 'own');
      expect(await read({}, address, { ORDERMESH_TOKEN_FILE: file })).toEqual({ tls: { ca: 'CA' }, token: 'own' });
      expect(await read({}, address, { TLS_CA: file })).toEqual({ tls: { ca: 'own' }, token: 'a.b.c' });
    });

    it('is nothing once that mesh has ended, or for another address', async () => {
      expect(await read({ pid: 2 ** 30 })).toEqual(nothing);
      expect(await read({}, '127.0.0.1:1')).toEqual(nothing);
      expect(await read({}, 'mesh.example:50051')).toEqual(nothing);
    });
  });
});
