<?php
/**
 * WP-CLI commands.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Cli;

use TokenBridge\Network\Rights;
use TokenBridge\Services;
use TokenBridge\Transfer\Progress;
use WP_CLI;

defined( 'ABSPATH' ) || exit;

/**
 * Connects this site to Token Bridge and shows whether everything works.
 */
final class Command {

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	/**
	 * Shows the checklist of the connection. Ends with status 1 if something does not work.
	 *
	 * ## OPTIONS
	 *
	 * [--format=<format>]
	 * : table, json, csv or yaml.
	 * ---
	 * default: table
	 * ---
	 *
	 * @param string[]              $arguments Not used.
	 * @param array<string, string> $options   Options.
	 */
	public function status( array $arguments, array $options ): void {
		if ( ! $this->services->connection()->is_connected() ) {
			WP_CLI::error( __( 'This site is not connected.', 'token-bridge' ) );
			return;
		}
		$results = array_map( 'get_object_vars', $this->services->checklist()->run() );
		WP_CLI\Utils\format_items( $options['format'] ?? 'table', $results, [ 'name', 'state', 'sentence' ] );
		if ( in_array( 'failed', array_column( $results, 'state' ), true ) ) {
			WP_CLI::halt( 1 );
		}
	}

	/**
	 * Connects this site with a connect code.
	 *
	 * Webhooks are created for the user of --user, who needs the rights of an admin.
	 *
	 * ## OPTIONS
	 *
	 * <code>
	 * : The code of the console's page "Connect a WordPress site".
	 *
	 * @param string[] $arguments The code.
	 */
	public function connect( array $arguments ): void {
		$refusal   = Rights::refusal( $this->services->connection() );
		$connected = $refusal ? $refusal : $this->services->connector()->connect( $arguments[0] );
		if ( is_wp_error( $connected ) ) {
			WP_CLI::error( $connected->get_error_message() );
			return;
		}
		$this->services->setup()->complete();
		WP_CLI::success( __( 'This site is connected. Users and packages are sent in the background; "wp token-bridge sync" sends them now.', 'token-bridge' ) );
	}

	/**
	 * Sends all users and packages now, and everything that waits.
	 */
	public function sync(): void {
		if ( ! $this->services->connection()->is_store() ) {
			WP_CLI::error( __( 'This site is not connected as a store.', 'token-bridge' ) );
			return;
		}
		$this->services->transfer()->begin();
		do {
			$this->services->transfer()->run();
			$progress = Progress::load();
		} while ( Progress::RUNNING === $progress->state() && '' === $progress->problem() );
		$this->services->sender()->run();
		if ( '' !== $progress->problem() ) {
			WP_CLI::error( $progress->problem() );
			return;
		}
		foreach ( $progress->kinds() as $kind => $counts ) {
			WP_CLI::log( "{$kind}: {$counts['done']} sent, {$counts['refused']} not accepted" );
		}
		WP_CLI::success( __( 'Everything was sent.', 'token-bridge' ) );
	}

	/**
	 * Disconnects this site. Balances stay in Token Bridge.
	 *
	 * ## OPTIONS
	 *
	 * [--yes]
	 * : Do not ask.
	 *
	 * @param string[]              $arguments Not used.
	 * @param array<string, string> $options   Options.
	 */
	public function disconnect( array $arguments, array $options ): void {
		WP_CLI::confirm( __( 'Disconnect this site from Token Bridge?', 'token-bridge' ), $options );
		$refusal = Rights::refusal( $this->services->connection() );
		if ( $refusal ) {
			WP_CLI::error( $refusal->get_error_message() );
			return;
		}
		$this->services->setup()->undo();
		WP_CLI::success( __( 'This site is disconnected.', 'token-bridge' ) );
	}
}
