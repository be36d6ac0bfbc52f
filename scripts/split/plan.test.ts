import { describe, expect, it } from 'vitest';
import { runnableServices } from '../../services/all.ts';
import { discoveryNameOf, inDrainOrder, type PlanOptions, parseReplicas, planMesh } from './plan.ts';

const servers = {
  database: 'postgres://me@127.0.0.1:5432/<service>',
  events: 'kafka://127.0.0.1:9092',
  tasks: 'amqp://127.0.0.1:5672',
};

const plan = (options: Partial<PlanOptions> = {}) =>
  planMesh({
    services: ['user', 'order', 'bridge'],
    gateway: 'gateway',
    gatewayAddress: '127.0.0.1:50051',
    gatewayHttp: '127.0.0.1:8080',
    replicas: () => 2,
    dataDir: 'data',
    servers,
    ...options,
  });

it('knows the names that services have in discovery and by their certificates', () => {
  const names = runnableServices.map(({ name, discoveryName = name }) => [name, discoveryName]);
  expect(names.map(([name = '']) => [name, discoveryNameOf(name)])).toEqual(names);
});

describe('planMesh', () => {
  it('plans each instance with a port, a data folder and the addresses of all others', () => {
    const processes = plan();
    expect(processes.map(({ name, address }) => `${name} ${address}`)).toEqual([
      'user-1 127.0.0.1:21000',
      'user-2 127.0.0.1:21001',
      'order-1 127.0.0.1:21010',
      'order-2 127.0.0.1:21011',
      'bridge-1 127.0.0.1:21020',
      'bridge-2 127.0.0.1:21021',
      'gateway-1 127.0.0.1:50051',
      'gateway-2 127.0.0.1:50051',
    ]);
    expect(processes[3]).toEqual({
      name: 'order-2',
      service: 'order',
      address: '127.0.0.1:21011',
      environment: {
        GRPC_LISTEN: '127.0.0.1:21011',
        HTTP_LISTEN: 'off',
        METRICS_LISTEN: '127.0.0.1:22011',
        DATA_DIR: 'data/split/order-2',
        DATABASE_URL: servers.database,
        EVENTS_URL: servers.events,
        TASKS_URL: servers.tasks,
        DATABASE_POOL_SIZE: '3',
        MAIL_URL: 'file:data/mail',
        DISCOVERY_URL: 'static:user=127.0.0.1:21000+127.0.0.1:21001,events=127.0.0.1:21020+127.0.0.1:21021',
      },
    });
  });

  it('gives ops the addresses of the other ops and of the gateways too, which it asks what they have', () => {
    const [, second, , gateway] = plan({
      services: ['user', 'ops'],
      replicas: (service) => (service === 'ops' ? 2 : 1),
    });
    expect(second?.environment.DISCOVERY_URL).toBe(
      'static:user=127.0.0.1:21000,ops=127.0.0.1:21011,gateway=127.0.0.1:21020',
    );
    expect(second?.environment.HTTP_LISTEN).toBe('off');
    expect(gateway?.environment).toMatchObject({
      GRPC_LISTEN: '127.0.0.1:50051',
      HTTP_LISTEN: '127.0.0.1:8080',
      OPS_LISTEN: '127.0.0.1:21020',
    });
  });

  it('gives the gateways the addresses of all services, one address, and metrics of their own', () => {
    const gateways = plan({ replicas: (service) => (service === 'gateway' ? 2 : 1) }).filter(
      ({ service }) => service === 'gateway',
    );
    expect(gateways.map(({ environment }) => environment.METRICS_LISTEN)).toEqual([
      '127.0.0.1:22030',
      '127.0.0.1:22031',
    ]);
    for (const { environment } of gateways) {
      expect(environment.GRPC_LISTEN).toBe('127.0.0.1:50051');
      expect(environment.DISCOVERY_URL).toBe(
        'static:user=127.0.0.1:21000,order=127.0.0.1:21010,events=127.0.0.1:21020',
      );
    }
  });

  it('passes over ports that are taken, also those of metrics, and uses each once', () => {
    const takenPorts = new Set([21000, 22010, 22021]);
    const processes = plan({ takenPorts });
    const ports = processes.flatMap(({ environment }) => [environment.GRPC_LISTEN, environment.METRICS_LISTEN]);
    const own = ports
      .filter((address) => address !== '127.0.0.1:50051')
      .map((address) => Number(address?.split(':')[1]));
    expect(own.filter((port) => takenPorts.has(port))).toEqual([]);
    expect(new Set(own).size).toBe(own.length);
    expect(processes[0]?.address).toBe('127.0.0.1:21001');
  });

  it('keeps settings that are given, such as a registry in place of fixed addresses', () => {
    const environment = { DISCOVERY_URL: 'consul://127.0.0.1:8500', MAIL_URL: 'smtp://mail', DATABASE_POOL_SIZE: '7' };
    for (const process of plan({ environment })) expect(process.environment).toMatchObject(environment);
  });

  it('gives each service the settings that are its own', () => {
    const processes = plan({ settingsOf: (service) => ({ TLS_CERT: `certs/${service}.pem` }) });
    expect(processes.map(({ environment }) => environment.TLS_CERT)).toEqual(
      ['user', 'user', 'order', 'order', 'bridge', 'bridge', 'gateway', 'gateway'].map((name) => `certs/${name}.pem`),
    );
  });

  it('gives a process that registers addresses for its successor, which starts next to it', () => {
    const environment = { DISCOVERY_URL: 'consul://127.0.0.1:8500' };
    const successors = plan({ environment }).map(({ name, successor }) => [name, successor?.GRPC_LISTEN]);
    expect(successors).toEqual([
      ['user-1', '127.0.0.1:21500'],
      ['user-2', '127.0.0.1:21501'],
      ['order-1', '127.0.0.1:21510'],
      ['order-2', '127.0.0.1:21511'],
      ['bridge-1', '127.0.0.1:21520'],
      ['bridge-2', '127.0.0.1:21521'],
      ['gateway-1', undefined],
      ['gateway-2', undefined],
    ]);
    expect(plan().filter(({ successor }) => successor)).toEqual([]);
  });
});

describe('inDrainOrder', () => {
  it('ends callers before those whom they call', () => {
    const services = ['user', 'payment', 'order', 'report', 'ops', 'gateway', 'unknown'];
    expect(
      inDrainOrder(services.map((service) => ({ service }))).map((wave) => wave.map(({ service }) => service)),
    ).toEqual([['gateway'], ['report', 'ops'], ['order'], ['user', 'payment', 'unknown']]);
  });
});

describe('parseReplicas', () => {
  const services = ['user', 'order'];

  it('reads a number for all services, and numbers for some', () => {
    const two = parseReplicas('2', services);
    const some = parseReplicas('1,order=3', services);
    if (typeof two === 'string' || typeof some === 'string') throw new Error('expected numbers');
    expect(services.map(two)).toEqual([2, 2]);
    expect(services.map(some)).toEqual([1, 3]);
  });

  it.each(['', '0', '11', '-1', '2x', 'order=2', '1,order', '1,order=0', '1,order=2,order=3'])(
    'refuses "%s" and says what it may be',
    (text) => {
      expect(parseReplicas(text, services)).toBe(
        `invalid REPLICAS "${text}": use a number from 1 to 10, or 1,order=2,payment=2`,
      );
    },
  );

  it('refuses a service that does not exist', () => {
    expect(parseReplicas('1,oder=2', services)).toBe('REPLICAS has oder, which is no service: use user, order');
  });
});
