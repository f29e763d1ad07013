<?php
/**
 * Delivers orders and products as WooCommerce's webhooks do.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

use TokenBridge\Bridge\Answer;
use TokenBridge\Connection\Connection;

defined( 'ABSPATH' ) || exit;

/**
 * The same documents, headers and signature as a webhook of WooCommerce, to the same address.
 *
 * The document is read at the moment of sending, so it is never older than the change.
 */
final class DocumentDelivery implements Delivery {

	private const SECONDS   = 20;
	private const RESOURCES = [
		'order'   => 'orders',
		'product' => 'products',
	];

	/** @var Connection */
	private $connection;

	public function __construct( Connection $connection ) {
		$this->connection = $connection;
	}

	public function accepts( string $topic ): bool {
		return isset( self::RESOURCES[ strtok( $topic, '.' ) ] );
	}

	public function final_statuses(): array {
		return [ 400, 413 ];
	}

	public function send( Row $row ): ?Answer {
		if ( '' === $this->connection->webhook_url() || $this->connection->is_copy() ) {
			return $this->connection->is_copy() ? Answer::none( Answer::COPIED ) : null;
		}
		$body = $this->body( $row );
		return null === $body ? null : $this->post( $row, $body );
	}

	private function post( Row $row, string $body ): Answer {
		$response = wp_remote_post(
			$this->connection->webhook_url(),
			[
				'timeout'     => self::SECONDS,
				'redirection' => 0,
				'headers'     => $this->headers( $row, $body ),
				'body'        => $body,
			]
		);
		if ( is_wp_error( $response ) ) {
			return Answer::none( Answer::UNREACHABLE, $response->get_error_message() );
		}
		return new Answer( (int) wp_remote_retrieve_response_code( $response ), (string) wp_remote_retrieve_body( $response ) );
	}

	/**
	 * @return array<string, string>
	 */
	private function headers( Row $row, string $body ): array {
		list( $resource, $event ) = explode( '.', $row->topic );
		return [
			'Content-Type'             => 'application/json',
			'X-WC-Webhook-Source'      => home_url( '/' ),
			'X-WC-Webhook-Topic'       => $row->topic,
			'X-WC-Webhook-Resource'    => $resource,
			'X-WC-Webhook-Event'       => $event,
			'X-WC-Webhook-Signature'   => base64_encode( hash_hmac( 'sha256', $body, $this->connection->webhook_secret(), true ) ),
			'X-WC-Webhook-ID'          => '0',
			'X-WC-Webhook-Delivery-ID' => wp_generate_uuid4(),
		];
	}

	/**
	 * Returns the document; null if the subject is gone, which has a delivery of its own.
	 *
	 * What is only in the trash is sent with its document: an ID alone has no date, so if it came late, after a
	 * restoring, the bridge would take the tokens of a valid order back.
	 */
	private function body( Row $row ): ?string {
		$path     = '/wc/v3/' . self::RESOURCES[ strtok( $row->topic, '.' ) ] . '/' . (int) $row->subject;
		$response = $this->read( $path );
		if ( $response->is_error() ) {
			$is_deletion = '.deleted' === substr( $row->topic, -8 );
			return $is_deletion ? (string) wp_json_encode( [ 'id' => (int) $row->subject ] ) : null;
		}
		return (string) wp_json_encode( rest_get_server()->response_to_data( $response, false ) );
	}

	private function read( string $path ): \WP_REST_Response {
		// A background task has no user; the document goes to the bridge only, which may see it.
		add_filter( 'woocommerce_rest_check_permissions', '__return_true' );
		try {
			return rest_do_request( new \WP_REST_Request( 'GET', $path ) );
		} finally {
			remove_filter( 'woocommerce_rest_check_permissions', '__return_true' );
		}
	}
}
