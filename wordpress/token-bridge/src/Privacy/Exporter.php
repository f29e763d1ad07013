<?php
/**
 * Exports personal data.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Privacy;

use TokenBridge\Bridge\Request;
use TokenBridge\Connection\Sentences;
use TokenBridge\Feature;
use TokenBridge\Services;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Adds what the bridge holds about a person to WordPress's export of personal data.
 */
final class Exporter implements Feature {

	/** Entries of one list that are exported; the bridge's own export has all. */
	private const MAX_ENTRIES = 1000;

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		add_filter( 'wp_privacy_personal_data_exporters', [ $this, 'add' ] );
	}

	/**
	 * @param array<string, array<string, mixed>> $exporters The exporters.
	 * @return array<string, array<string, mixed>>
	 */
	public function add( $exporters ) {
		$exporters['token-bridge'] = [
			'exporter_friendly_name' => 'Token Bridge',
			'callback'               => [ $this, 'export' ],
		];
		return $exporters;
	}

	/**
	 * Returns everything about the user with this email.
	 *
	 * An outage is an error: an export without this data would look complete.
	 *
	 * @return array{data: array<int, array<string, mixed>>, done: bool}|WP_Error
	 */
	public function export( string $email ) {
		$user = get_user_by( 'email', $email );
		if ( ! $user || ! $this->services->connection()->is_store() ) {
			return $this->page( [] );
		}
		$answer = $this->services->transport()->send( Request::get( '/v1/users/' . $user->ID . '/export' )->patient() );
		if ( 404 === $answer->status() ) {
			return $this->page( [] );
		}
		if ( ! $answer->is_ok() ) {
			return new WP_Error( 'token_bridge_' . $answer->code(), Sentences::about( $answer ) );
		}
		if ( ! $answer->document() ) {
			return new WP_Error( 'token_bridge_too_large', __( 'The export is too large for WordPress. Download it on the user page of the console.', 'token-bridge' ) );
		}
		return $this->page( $this->items( $answer->document() ) );
	}

	/**
	 * @param array<string, mixed> $document The bridge's export.
	 * @return array<int, array<string, mixed>>
	 */
	private function items( array $document ): array {
		$items  = [];
		$single = [];
		foreach ( $document as $name => $value ) {
			if ( is_array( $value ) && isset( $value[0] ) && is_array( $value[0] ) ) {
				foreach ( array_slice( $value, 0, self::MAX_ENTRIES ) as $number => $entry ) {
					$items[] = $this->item( (string) $name, (string) $number, $entry );
				}
			} else {
				$single[ $name ] = $value;
			}
		}
		array_unshift( $items, $this->item( 'account', '0', $single ) );
		return $items;
	}

	/**
	 * @param array<string, mixed> $values Values by name.
	 * @return array<string, mixed>
	 */
	private function item( string $group, string $number, array $values ): array {
		$data = [];
		foreach ( $values as $name => $value ) {
			$data[] = [
				'name'  => (string) $name,
				'value' => is_scalar( $value ) ? (string) $value : (string) wp_json_encode( $value ),
			];
		}
		return [
			'group_id'    => 'token-bridge-' . sanitize_key( $group ),
			'group_label' => 'Token Bridge: ' . str_replace( '_', ' ', $group ),
			'item_id'     => 'token-bridge-' . sanitize_key( $group ) . '-' . $number,
			'data'        => $data,
		];
	}

	/**
	 * @param array<int, array<string, mixed>> $items The items.
	 * @return array{data: array<int, array<string, mixed>>, done: bool}
	 */
	private function page( array $items ): array {
		return [
			'data' => $items,
			'done' => true,
		];
	}
}
