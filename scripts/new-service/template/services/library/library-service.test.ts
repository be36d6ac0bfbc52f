import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LibraryServiceContract } from '#gen/library/v1/library.contract.ts';
import type { LibraryServiceDefinition } from '#gen/library/v1/library.ts';
import { describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { libraryService } from './service.ts';

describeServicesOnEachDatabase('the library service', (settings) => {
  let mesh: TestMesh;
  let client: Client<LibraryServiceDefinition>;

  beforeAll(async () => {
    mesh = await startMesh([libraryService], settings());
    client = mesh.runtime.client(LibraryServiceContract);
  });
  afterAll(() => mesh.stop());

  describe('CreateBook', () => {
    it('returns it with id, times and etag, and it can be read', async () => {
      const created = await client.createBook({ book: { name: 'The first' } });
      expect(created).toMatchObject({ name: 'The first', etag: '1' });
      expect(created.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(created.createTime).toEqual(created.updateTime);
      await expect(client.getBook({ id: created.id })).resolves.toEqual(created);
    });

    it('creates one, no matter how often it is asked to', async () => {
      const request = { requestId: randomUUID(), book: { id: 'repeated', name: 'Repeated' } };
      const created = await client.createBook(request);
      await expect(client.createBook(request)).resolves.toEqual(created);
    });

    it('refuses an id that is taken', async () => {
      await client.createBook({ book: { id: 'taken', name: 'Holder' } });
      const second = client.createBook({ book: { id: 'taken', name: 'Second' } });
      await expect(second).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'BOOK_ID_TAKEN' });
    });

    it('reports every invalid field', async () => {
      await expect(client.createBook({ book: { id: 'not an id' } })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'book.id' }, { field: 'book.name' }],
      });
    });
  });

  describe('GetBook', () => {
    it('refuses to return what does not exist', async () => {
      const unknown = client.getBook({ id: 'unknown' });
      await expect(unknown).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'BOOK_NOT_FOUND' });
    });
  });

  describe('ListBooks', () => {
    const idsOf = async (request: { readonly afterId?: string; readonly limit?: number }) =>
      (await Array.fromAsync(client.listBooks(request))).map(({ id }) => id);

    it('streams them in id order, resumes after an id and stops at the limit', async () => {
      for (const id of ['z-3', 'z-1', 'z-2']) await client.createBook({ book: { id, name: 'Listed' } });
      await expect(idsOf({ afterId: 'z' })).resolves.toEqual(['z-1', 'z-2', 'z-3']);
      await expect(idsOf({ afterId: 'z-1' })).resolves.toEqual(['z-2', 'z-3']);
      await expect(idsOf({ afterId: 'z', limit: 2 })).resolves.toEqual(['z-1', 'z-2']);
    });
  });
});
