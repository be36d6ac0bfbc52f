import { LibraryServiceContract } from '#gen/library/v1/library.contract.ts';
import { defineService, serve } from '#mesh';
import { createLibraryRpc } from './rpc.ts';

export const libraryService = defineService({
  name: 'library',
  migrations: new URL('./migrations/', import.meta.url),
  setup: ({ storage, clock }) => ({
    serves: [serve(LibraryServiceContract, createLibraryRpc({ storage, clock }))],
  }),
});
