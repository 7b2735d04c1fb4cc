package account

// Reserved tells whether a handle is one that applications, systems or mail give a
// meaning to. No sign-in obtains such a handle; only the operator gives it.
func Reserved(handle string) bool {
	switch handle {
	case "admin", "administrator", "administrators", "admins", "root", "superuser", "sudo", "su", "wheel",
		"owner", "operator", "moderator", "staff", "support", "helpdesk", "security", "sysadmin", "system",
		"daemon", "nobody", "service", "bot", "bin", "sys", "adm", "www", "www-data", "mail", "ftp", "backup",
		"postgres", "mysql", "redis", "git", "docker", "jupyter", "hub", "jupyterhub", "chainlit", "cardea":
		return true
	case "anonymous", "guest", "guests", "public", "everyone", "everybody", "all", "users", "user", "me",
		"self", "you", "unknown", "default", "none", "null", "nil", "undefined", "true", "false", "nan":
		return true
	case "api", "auth", "oauth", "oidc", "login", "logout", "signin", "sign-in", "signout", "sign-out",
		"signup", "account", "accounts", "settings", "static", "assets", "shared", "localhost", "test":
		return true
	case "postmaster", "webmaster", "hostmaster", "abuse", "noreply", "no-reply", "info", "contact",
		"mailer-daemon", "ssladmin", "ssladministrator", "sslwebmaster":
		return true
	case "con", "prn", "aux", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3":
		return true
	}
	return false
}
