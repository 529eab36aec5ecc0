/** Put in by the bundler, from package.json. */
declare const VERSION: string

export const version: string = VERSION
