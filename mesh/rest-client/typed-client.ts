import type { RestCallOptions, RestResponse, ServiceClient } from './rest-client.ts';

/** The routes of an API by HTTP method and path template, as `gen/ts/rest.ts` has them. */
export type RestRoutes = { readonly [verb in 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE']?: object };

/**
 * A REST client whose paths, parameters, bodies and responses have the types of its API: a wrong one does not compile. With an
 * explicit type, as in `get<Order>(…)`, it takes any path and checks nothing.
 */
export interface TypedRestClient<Api extends RestRoutes> extends ServiceClient {
  readonly get: Query<RoutesOf<Api, 'GET'>>;
  readonly delete: Query<RoutesOf<Api, 'DELETE'>>;
  readonly post: Change<RoutesOf<Api, 'POST'>>;
  readonly put: Change<RoutesOf<Api, 'PUT'>>;
  readonly patch: Change<RoutesOf<Api, 'PATCH'>>;
  head<Path extends string>(
    path: Checked<RoutesOf<Api, 'GET'>, Path>,
    options?: RestCallOptions,
  ): Promise<RestResponse<undefined>>;
}

type RoutesOf<Api, Verb extends string> = Verb extends keyof Api ? Api[Verb] : Record<never, never>;

// The typed overload is the last one, because the compiler explains why that one does not fit.

interface Query<Routes> {
  <Data = never>(path: Explicit<Data>, options?: RestCallOptions): Promise<RestResponse<NoInfer<Data>>>;
  <Path extends string>(
    path: Checked<Routes, Path>,
    options: AnyStatus<RouteOf<Routes, Path>>,
  ): Promise<RestResponse<unknown>>;
  <Path extends string>(
    path: Checked<Routes, Path>,
    ...options: OptionsOf<RouteOf<Routes, Path>>
  ): Promise<RestResponse<ResponseOf<RouteOf<Routes, Path>>>>;
}

interface Change<Routes> {
  <Data = never>(path: Explicit<Data>, body?: unknown, options?: RestCallOptions): Promise<RestResponse<NoInfer<Data>>>;
  <Path extends string>(
    path: Checked<Routes, Path>,
    body: BodyOf<RouteOf<Routes, Path>>,
    options: AnyStatus<RouteOf<Routes, Path>>,
  ): Promise<RestResponse<unknown>>;
  <Path extends string>(
    path: Checked<Routes, Path>,
    ...bodyAndOptions: ArgumentsOf<RouteOf<Routes, Path>>
  ): Promise<RestResponse<ResponseOf<RouteOf<Routes, Path>>>>;
}

/** Any path, if the caller gives the type of the data. */
type Explicit<Data> = [Data] extends [never] ? never : string;

/** The path if the API has it; else those that it has, for the compiler's explanation. */
type Checked<Routes, Path extends string> = [Matching<Routes, Path>] extends [never]
  ? Path extends Templates<Routes>
    ? never
    : Templates<Routes>
  : Path;

type RouteOf<Routes, Path extends string> = Routes[Matching<Routes, Path> & keyof Routes];

type Matching<Routes, Path extends string> = {
  [Template in keyof Routes & string]: Matches<Path, Template> extends true ? Template : never;
}[keyof Routes & string];

/** A variable takes one segment. Only a template with `:cancel` takes a path that is written with a colon. */
type Matches<Path extends string, Template extends string> =
  Path extends Pattern<Template>
    ? Slashes<Path> extends Slashes<Template>
      ? HasColon<Path> extends HasColon<Template>
        ? true
        : false
      : false
    : false;

/** `/orders/${string}` for `/orders/{id}`. */
type Pattern<Template extends string> = Template extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${Pattern<After>}`
  : Template;

type Templates<Routes> = { [Template in keyof Routes & string]: Pattern<Template> }[keyof Routes & string];

type Slashes<Text extends string, Count extends 0[] = []> = Text extends `${string}/${infer Rest}`
  ? Slashes<Rest, [...Count, 0]>
  : Count['length'];

type HasColon<Text extends string> = Text extends `${string}:${string}` ? true : false;

type ResponseOf<Route> = Route extends { readonly response: infer Data } ? Data : never;

/** The options of a call. They are required if the API requires a parameter or an `Idempotency-Key`. */
type OptionsOf<Route> = [Route] extends [never]
  ? [options?: object]
  : Record<never, never> extends Pick<Route, keyof Route & ('params' | 'idempotencyKey')>
    ? [options?: CallOptions<Route>]
    : [options: CallOptions<Route>];

type CallOptions<Route> = Omit<RestCallOptions, 'params' | 'idempotencyKey' | 'expectedStatuses'> &
  Pick<Route, keyof Route & ('params' | 'idempotencyKey')>;

/** With other statuses than 2xx a response may be a problem, or nothing. */
type AnyStatus<Route> = CallOptions<Route> & Required<Pick<RestCallOptions, 'expectedStatuses'>>;

type ArgumentsOf<Route> = [Route] extends [never]
  ? [body?: unknown, options?: object]
  : OptionsOf<Route> extends [options: CallOptions<Route>]
    ? [body: BodyOf<Route>, ...OptionsOf<Route>]
    : Route extends { readonly body: infer Body }
      ? [body: Body, ...OptionsOf<Route>]
      : [body?: BodyOf<Route>, ...OptionsOf<Route>];

type BodyOf<Route> = Route extends { readonly body?: infer Body } ? Body : undefined;
