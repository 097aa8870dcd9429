// Query parameters that reopen the view; handled in the browser alone.

/** Returns the parameters of the address as text, by name. */
export function read() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/**
 * Writes parameters into the address without a new entry in the browser's history.
 *
 * @param values name -> text, or null to remove the parameter
 */
export function write(values) {
  const parameters = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  const query = parameters.toString();
  if (query === location.search.slice(1)) return;
  history.replaceState(history.state, "", location.pathname + (query && `?${query}`) + location.hash);
}
