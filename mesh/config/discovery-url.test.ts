import { describe, expect, it } from 'vitest';
import { discoveryUrlProblem, parseDiscoveryUrl, sharedDnsName } from './discovery-url.ts';

describe('parseDiscoveryUrl', () => {
  it('reads several addresses of a service, each once', () => {
    expect(parseDiscoveryUrl('static:user=10.0.0.1:1+[::1]:2+10.0.0.1:1,order=mesh.internal:50052')).toEqual({
      scheme: 'static',
      addresses: new Map([
        ['user', ['10.0.0.1:1', '[::1]:2']],
        ['order', ['mesh.internal:50052']],
      ]),
    });
  });

  it.each([
    ['dns:<service>-service:50051', { server: undefined, name: '<service>-service', port: 50_051 }],
    ['dns:///order-service.production:80', { server: undefined, name: 'order-service.production', port: 80 }],
    ['dns://10.0.0.10/<service>.mesh.:50051', { server: '10.0.0.10:53', name: '<service>.mesh.', port: 50_051 }],
    ['dns://[fd00::1]:5353/mesh:50051', { server: '[fd00::1]:5353', name: 'mesh', port: 50_051 }],
    ['dns:_grpc._tcp.<service>.mesh', { server: undefined, name: '_grpc._tcp.<service>.mesh', port: undefined }],
  ])('reads %s', (text, rest) => {
    expect(parseDiscoveryUrl(text)).toEqual({ scheme: 'dns', ...rest });
  });

  it.each([
    ['k8s:', { namespace: undefined, port: 50_051 }],
    ['k8s:production', { namespace: 'production', port: 50_051 }],
    ['k8s:production:8080', { namespace: 'production', port: 8080 }],
  ])('reads %s', (text, rest) => {
    expect(parseDiscoveryUrl(text)).toEqual({ scheme: 'k8s', ...rest });
  });

  it.each([
    ['k8s-api:', {}],
    ['k8s-api:production', { namespace: 'production' }],
    [
      'k8s-api://10.96.0.1:443/production?token_file=/run/token&ca_file=/run/ca.crt',
      { server: '10.96.0.1:443', namespace: 'production', tokenFile: '/run/token', caFile: '/run/ca.crt' },
    ],
  ])('reads %s', (text, rest) => {
    const none = { server: undefined, namespace: undefined, tokenFile: undefined, caFile: undefined };
    expect(parseDiscoveryUrl(text)).toEqual({ scheme: 'k8s-api', ...none, ...rest });
  });

  it('reads consul://', () => {
    expect(parseDiscoveryUrl('consul://127.0.0.1:8500?dc=berlin&token_file=/run/token')).toEqual({
      scheme: 'consul',
      tls: undefined,
      agent: '127.0.0.1:8500',
      datacenter: 'berlin',
      tokenFile: '/run/token',
    });
  });

  it('reads eureka:// with several servers', () => {
    expect(parseDiscoveryUrl('eureka://ada:p%40ss@one:8761,two:8761?renew_ms=5000')).toEqual({
      scheme: 'eureka',
      tls: undefined,
      servers: ['one:8761', 'two:8761'],
      path: '/eureka',
      user: { name: 'ada', password: 'p@ss' },
      renewMs: 5_000,
      fetchMs: 2_000,
    });
    expect(parseDiscoveryUrl('eureka://one:8761/v2/')).toMatchObject({ path: '/v2', user: undefined, renewMs: 10_000 });
  });
});

describe('a registry over TLS', () => {
  it.each([
    ['consul+https://consul.mesh:8501', undefined],
    ['consul+https://consul.mesh:8501?dc=a&ca_file=/run/ca.crt', '/run/ca.crt'],
    ['eureka+https://ada:secret@one:8761,two:8761/eureka?ca_file=/run/ca.crt', '/run/ca.crt'],
  ])('is read from %s', (text, caFile) => {
    expect(parseDiscoveryUrl(text)).toMatchObject({ scheme: text.slice(0, 6), tls: { caFile } });
  });

  it('needs +https for its authorities', () => {
    expect(discoveryUrlProblem('consul://127.0.0.1:8501?ca_file=/run/ca.crt')).toMatch(
      /^has the parameter ca_file: use/,
    );
  });
});

describe('discoveryUrlProblem', () => {
  it.each([
    ['dsn:user:1', /^begins with no known scheme: use static:/],
    ['user=10.0.0.1:1', /^begins with no known scheme/],
    ['static:user=a:1,10.0.0.1:50051', /^has the entry "10\.0\.0\.1:50051": use <service>=<host>:<port>$/],
    ['static:user=a:1,user=b:1', /^has two entries of user: use one, user=<host>:<port>\+<host>:<port>$/],
    ['static:order=a:1,user=127.0.0.1', /^has the address "127\.0\.0\.1" of user: use <host>:<port>/],
    ['static:user=a:1+a:99999', /^has the address "a:99999" of user: use <host>:<port>, a port up to 65535/],
    ['static:user=a:1+', /^has the address "" of user: .*, and \+ between addresses$/],
    ['static:user=a:1;order=b:2', /^has the address "a:1;order=b:2" of user/],
    ['dns:', /^has no port/],
    ['dns:order-service', /^has no port: use dns:<name>:<port>/],
    ['dns:order service:50051', /^has a DNS name that is not valid/],
    ['dns:<servcie>:50051', /^has a DNS name that is not valid/],
    [`dns:${'x'.repeat(64)}:50051`, /^has a DNS name that is not valid/],
    ['dns:order:0', /^has the port 0: use one from 1 to 65535/],
    ['dns:order:65536', /^has the port 65536/],
    ['dns://ns.internal/order:50051', /^has the DNS server "ns.internal": use its IP address/],
    ['k8s:Production', /^is not k8s:, k8s:<namespace>/],
    ['k8s-api://10.0.0.1:443/a/b', /^has "a\/b" as a namespace/],
    ['consul:', /^is not a URL with a host: use consul:\/\/<host>:<port>$/],
    ['consul://127.0.0.1', /^has the address "127.0.0.1": use <host>:<port>/],
    ['consul://127.0.0.1:8500/v1', /^has the path \/v1/],
    ['consul://127.0.0.1:8500?datacenter=a', /^has the parameter datacenter: use dc or token_file/],
    ['eureka://one:8761,', /^has the address ""/],
    ['eureka://one:8761?renew_ms=0', /^has renew_ms=0: use 1000 to 300000 milliseconds/],
    ['eureka://a:%zz@one:8761', /percent-encoded/],
  ])('says what is wrong with %s', (text, problem) => {
    expect(discoveryUrlProblem(text)).toMatch(problem);
    expect(parseDiscoveryUrl(text)).toBeUndefined();
  });

  it('has nothing to say about a valid one', () => {
    expect(discoveryUrlProblem('static:')).toBeUndefined();
  });
});

describe('sharedDnsName', () => {
  it.each([
    ['dns:user-service:50051', 'user-service'],
    ['dns:_grpc._tcp.mesh', '_grpc._tcp.mesh'],
    ['dns:<service>-service:50051', undefined],
    ['k8s:production', undefined],
    ['static:', undefined],
  ])('of %s is %s', (text, name) => {
    expect(sharedDnsName(parseDiscoveryUrl(text) ?? expect.fail())).toBe(name);
  });
});
