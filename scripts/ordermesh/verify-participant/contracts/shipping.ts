import { Status } from 'nice-grpc';
import { type CreateShipmentRequest, ShippingServiceDefinition as service } from '#gen/shipping/v1/shipping.ts';
import { type Caller, settle } from '../caller.ts';
import type { Effect, Participant, TestOrder } from '../participant.ts';
import { expectOkOr, newRequestId } from '../rule.ts';
import { type TestData, testAddress } from '../test-data.ts';

const { createShipment, cancelShipment, getShipment } = service.methods;
const booked = 'SHIPMENT_STATE_BOOKED';

/** `shipping.v1.ShippingService`. `refusedCountry` is a country whose addresses the carrier refuses. */
export function shippingParticipant(caller: Caller, data: TestData, refusedCountry?: string): Participant {
  const carrierRefused = { code: Status.FAILED_PRECONDITION, reason: 'CARRIER_REFUSED' };
  const unknown = { code: Status.NOT_FOUND, reason: 'SHIPMENT_NOT_FOUND' };

  async function newOrder(countryCode = 'US'): Promise<TestOrder> {
    const orderId = data.newId();
    const address = { ...testAddress, countryCode };
    const content: Partial<CreateShipmentRequest> = { orderId, paymentId: newRequestId(), address };
    const create = (request: Partial<CreateShipmentRequest>) => (requestId: string) =>
      caller.call(service, createShipment, { requestId, ...request });
    let first: unknown;
    return data.track({
      id: orderId,
      run: (requestId, options) => caller.call(service, createShipment, { requestId, ...content }, options),
      runOther: [
        create({ ...content, paymentId: newRequestId() }),
        create({ ...content, address: { ...address, lines: ['2 Other Street'] } }),
      ],
      undo: (requestId, options) => caller.call(service, cancelShipment, { requestId, orderId }, options),
      read: () => caller.call(service, getShipment, { orderId }),
      async observe(): Promise<Effect> {
        const answer = await settle(() => caller.call(service, getShipment, { orderId }));
        expectOkOr(answer, unknown, 'the shipment is read');
        const { response, reason } = answer;
        if (response.state !== booked) return { times: 0, text: `its shipment is ${response.state ?? reason}` };
        const booking = `${response.id} ${response.trackingNumber}`;
        first ??= booking;
        if (first === booking) return { times: 1, text: `its shipment is ${booked} as ${booking}` };
        return { times: 2, text: `it was booked as ${first}, and then as ${booking}` };
      },
    });
  }

  const invalid = (why: string, request: Partial<CreateShipmentRequest>) => ({
    why,
    call: () => caller.call(service, createShipment, { requestId: newRequestId(), ...request }),
  });
  return {
    contract: 'shipping',
    run: createShipment.name,
    undo: cancelShipment.name,
    read: getShipment.name,
    states: { done: booked, undone: 'SHIPMENT_STATE_CANCELLED' },
    refusals: {
      undone: { code: Status.FAILED_PRECONDITION, reason: 'SHIPMENT_CANCELLED' },
      other: { code: Status.ALREADY_EXISTS, reason: 'SHIPMENT_EXISTS' },
      unknown,
    },
    hasId: true,
    refusedOrders:
      refusedCountry === undefined
        ? []
        : [
            {
              why: `the carrier does not deliver to ${refusedCountry}`,
              refusal: carrierRefused,
              afterUndo: carrierRefused,
              newOrder: () => newOrder(refusedCountry),
            },
          ],
    invalidRequests: [
      invalid('no order_id', { paymentId: newRequestId(), address: testAddress }),
      invalid('no address', { orderId: data.newId(), paymentId: newRequestId() }),
      { why: 'no order_id', call: () => caller.call(service, cancelShipment, { requestId: newRequestId() }) },
    ],
    rules: [],
    probe: () => caller.call(service, getShipment, { orderId: data.newId() }),
    newOrder: () => newOrder(),
    cleanUp: async () => `cancelled shipments of orders ${data.prefix}-…`,
  };
}
