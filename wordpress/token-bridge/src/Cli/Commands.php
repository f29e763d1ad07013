<?php
/**
 * Adds the WP-CLI commands.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Cli;

use TokenBridge\Feature;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Adds `wp token-bridge` where WP-CLI runs.
 */
final class Commands implements Feature {

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			\WP_CLI::add_command( 'token-bridge', new Command( $this->services ) );
		}
	}
}
