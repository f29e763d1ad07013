<?php
/**
 * The actions of the page Connect.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Bridge\Request;
use TokenBridge\Connection\Sentences;
use TokenBridge\Feature;
use TokenBridge\Network\Rights;
use TokenBridge\Services;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Connects, repairs and disconnects the site.
 */
final class ConnectActions implements Feature {

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		foreach ( $this->actions() as $action ) {
			$action->register();
		}
	}

	/**
	 * @return PostHandler[]
	 */
	private function actions(): array {
		return [
			new ConnectAction( 'connect', [ $this, 'connect' ], [ 'code' ] ),
			new ConnectAction( 'link', [ $this, 'link' ], [ 'url', 'code' ] ),
			new ConnectAction( 'repair', [ $this, 'repair' ] ),
			new ConnectAction( 'transfer', [ $this, 'transfer' ] ),
			new ConnectAction( 'past_grant', [ $this, 'grant_past' ] ),
			new ConnectAction( 'past_skip', [ $this, 'skip_past' ] ),
			new ConnectAction( 'disconnect', [ $this, 'disconnect' ] ),
			new ConnectAction( 'confirm_address', [ $this, 'confirm_address' ] ),
			new ConnectAction( 'forget', [ $this, 'forget' ] ),
		];
	}

	/**
	 * @param array<string, string> $values The form.
	 * @return string|WP_Error
	 */
	public function connect( array $values ) {
		$refusal = Rights::refusal( $this->services->connection() );
		if ( $refusal ) {
			return $refusal;
		}
		return $this->completed( $this->services->connector()->connect( $values['code'] ) );
	}

	/**
	 * @param array<string, string> $values The form.
	 * @return string|WP_Error
	 */
	public function link( array $values ) {
		$refusal = Rights::refusal( $this->services->connection() );
		if ( $refusal ) {
			return $refusal;
		}
		return $this->completed( $this->services->connector()->link( $values['url'], $values['code'] ) );
	}

	public function repair(): string {
		$this->services->setup()->repair();
		return __( 'Webhooks and REST access were checked and repaired.', 'token-bridge' );
	}

	public function transfer(): string {
		$this->services->transfer()->begin();
		return __( 'Users and packages are being sent in the background. You can leave this page.', 'token-bridge' );
	}

	/**
	 * @return string|WP_Error
	 */
	public function grant_past() {
		return $this->decide_past( 'grant', __( 'Past orders are being read in the background, and their tokens granted.', 'token-bridge' ) );
	}

	/**
	 * @return string|WP_Error
	 */
	public function skip_past() {
		return $this->decide_past( 'skip', __( 'Orders that were placed before the connection grant no tokens. You can change that in the console.', 'token-bridge' ) );
	}

	/**
	 * @return string|WP_Error
	 */
	public function disconnect() {
		$refusal = Rights::refusal( $this->services->connection() );
		if ( $refusal ) {
			return $refusal;
		}
		$this->services->setup()->undo();
		return __( 'This site is disconnected.', 'token-bridge' );
	}

	public function confirm_address(): string {
		$option = $this->services->connection_option();
		$option->save( $option->load()->with( [ 'home' => get_option( 'home' ) ] ) );
		return __( 'The new address is confirmed. Change it in the console as well, under Settings.', 'token-bridge' );
	}

	public function forget(): string {
		$this->services->transfer()->stop();
		$this->services->connection_option()->clear();
		return __( 'The connection was removed from this copy. The live site keeps its own.', 'token-bridge' );
	}

	/**
	 * @return string|WP_Error
	 */
	private function decide_past( string $decision, string $done ) {
		$answer = $this->services->transport()->send( Request::put( '/v1/store/past-orders', [ 'decision' => $decision ] )->patient() );
		return $answer->is_ok() ? $done : new WP_Error( 'token_bridge_' . $answer->code(), Sentences::about( $answer ) );
	}

	/**
	 * @param \TokenBridge\Connection\Connection|WP_Error $connected The result.
	 * @return string|WP_Error
	 */
	private function completed( $connected ) {
		if ( is_wp_error( $connected ) ) {
			return $connected;
		}
		$this->services->setup()->complete();
		return __( 'This site is connected.', 'token-bridge' );
	}
}
