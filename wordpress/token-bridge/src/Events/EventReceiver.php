<?php
/**
 * Receives events of the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Events;

use TokenBridge\Connection\ConnectionOption;
use TokenBridge\Feature;
use WP_REST_Request;
use WP_REST_Response;

defined( 'ABSPATH' ) || exit;

/**
 * Turns signed events into actions: `token_bridge_event`, `token_bridge_exhausted`, `token_bridge_replenished`.
 */
final class EventReceiver implements Feature {

	public const SPACE = 'token-bridge/v1';
	public const ROUTE = '/events';

	/** How long the IDs of handled events are kept: longer than the bridge repeats one at once. */
	private const KEPT_SECONDS = HOUR_IN_SECONDS;

	/** Actions of their own, with the user's ID and the event's data. */
	private const ACTIONS = [
		'balance.exhausted'   => 'token_bridge_exhausted',
		'balance.replenished' => 'token_bridge_replenished',
	];

	/** @var ConnectionOption */
	private $option;

	public function __construct( ConnectionOption $option ) {
		$this->option = $option;
	}

	public function register(): void {
		add_action( 'rest_api_init', [ $this, 'add_route' ] );
	}

	public function add_route(): void {
		register_rest_route(
			self::SPACE,
			self::ROUTE,
			[
				'methods'             => 'POST',
				'callback'            => [ $this, 'receive' ],
				'permission_callback' => [ $this, 'is_signed' ],
			]
		);
	}

	/**
	 * Returns whether the bridge of this site sent the request.
	 */
	public function is_signed( WP_REST_Request $request ): bool {
		return Signature::is_valid(
			$this->option->load()->event_endpoint()['secret'],
			(string) $request->get_header( 'webhook-id' ),
			(string) $request->get_header( 'webhook-timestamp' ),
			(string) $request->get_header( 'webhook-signature' ),
			$request->get_body()
		);
	}

	/**
	 * Runs the actions of an event, once.
	 */
	public function receive( WP_REST_Request $request ): WP_REST_Response {
		$id    = (string) $request->get_header( 'webhook-id' );
		$seen  = 'token_bridge_event_' . md5( $id );
		$event = json_decode( $request->get_body(), true );
		if ( is_array( $event ) && ! get_transient( $seen ) ) {
			set_transient( $seen, 1, self::KEPT_SECONDS );
			$this->announce( (string) ( $event['type'] ?? '' ), (array) ( $event['data'] ?? [] ), $id );
		}
		return new WP_REST_Response( null, 204 );
	}

	/**
	 * @param array<string, mixed> $data The event's data.
	 */
	private function announce( string $type, array $data, string $id ): void {
		$user_id = (int) ( $data['user']['id'] ?? 0 );
		if ( $user_id > 0 ) {
			do_action( 'token_bridge_balance_changed', $user_id );
		}
		if ( isset( self::ACTIONS[ $type ] ) ) {
			do_action( self::ACTIONS[ $type ], $user_id, $data ); // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- all begin with token_bridge_.
		}
		do_action( 'token_bridge_event', $type, $data, $id );
	}
}
