import { type ProjectionAdmin, unknownProjection } from '#mesh';
import { ambiguousProjection } from '../errors.ts';

/**
 * Makes one list of the projections of many services, in the order of their names. One is made again by the service that
 * has it; where only one service has it, its name will do without the service's.
 */
export function combineProjections(admins: readonly ProjectionAdmin[]): ProjectionAdmin {
  const owned = async () => {
    const lists = await Promise.all(admins.map(async (admin) => ({ admin, views: await admin.list() })));
    const all = lists.flatMap(({ admin, views }) => views.map((view) => ({ admin, view })));
    return all.toSorted((one, other) => (one.view.name < other.view.name ? -1 : 1));
  };
  return {
    list: async () => (await owned()).map(({ view }) => view),

    async *rebuild(name, options, signal) {
      const all = await owned();
      const meant = all.filter(({ view }) => view.name === name || shortName(view.name) === name);
      const [first] = meant;
      if (!first) throw unknownProjection({ name, known: namesOf(all) });
      if (meant.length > 1) throw ambiguousProjection({ name, known: namesOf(meant) });
      yield* first.admin.rebuild(first.view.name, options, signal);
    },
  };
}

function shortName(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

function namesOf(projections: readonly { readonly view: { readonly name: string } }[]): string[] {
  return projections.map(({ view }) => view.name);
}
