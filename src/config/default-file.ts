/** The configuration that is read where no other is named. */
export const defaultConfigFile = '/etc/eni-routed/config.toml'
