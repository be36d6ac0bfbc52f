import { type ProjectionAdmin, unknownProjection } from '#mesh';
import { ambiguousProjection } from '../errors.ts';

/**
 * Combines the projections of several services into one list in name order. Each is rebuilt by its service. A name that only one
 * service uses is enough without the service's name.
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
      const matches = all.filter(({ view }) => view.name === name || shortName(view.name) === name);
      const [first] = matches;
      if (!first) throw unknownProjection({ name, known: namesOf(all) });
      if (matches.length > 1) throw ambiguousProjection({ name, known: namesOf(matches) });
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
