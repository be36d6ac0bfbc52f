import { contractDescriptors, defineService, readDeclaredServices } from '#mesh';
import { createRoutes } from './route-calls.ts';

/** The one address of a mesh of many processes. It forwards every call to an instance of its service. */
export const gatewayService = defineService({
  name: 'gateway',
  isStateless: true,
  hasEdge: true,
  setup: async ({ endpoints }) => ({
    serves: [],
    forwards: createRoutes(endpoints, await readDeclaredServices(contractDescriptors)),
  }),
});
