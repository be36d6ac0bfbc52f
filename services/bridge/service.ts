import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type CreateService, serve } from '#mesh';
import { createPublishEvent } from './publish-event.ts';
import { createEventRpc } from './rpc.ts';

/** Wires the bridge. */
export const createBridgeService: CreateService = async ({ events, clock, draining }) => ({
  name: 'bridge',
  serves: [
    serve(EventServiceContract, createEventRpc({ events, publishEvent: createPublishEvent(events, clock), draining })),
  ],
  needs: ['events'],
});
