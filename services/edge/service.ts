import { defineService } from '#mesh';

/** REST for the contracts of the mesh. In a mesh of many processes the gateway has it. */
export const edgeService = defineService({
  name: 'edge',
  isStateless: true,
  hasEdge: true,
  setup: () => ({ serves: [] }),
});
