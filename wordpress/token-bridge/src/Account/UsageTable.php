<?php
/**
 * Use by day.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Sentences;

defined( 'ABSPATH' ) || exit;

/**
 * Prints a user's use of the last 30 days, newest first.
 */
final class UsageTable {

	private const DAYS = 30;

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function render( int $user_id ): void {
		$answer = $this->transport->send( Request::get( "/v1/users/{$user_id}/usage", [ 'days' => self::DAYS ] ) );
		echo '<h2>' . esc_html__( 'Use of the last 30 days', 'token-bridge' ) . '</h2>';
		$days = (array) ( $answer->document()['days'] ?? [] );
		if ( ! $answer->is_ok() && 404 !== $answer->status() ) {
			echo '<p>' . esc_html( Sentences::about( $answer ) ) . '</p>';
		} elseif ( ! $days ) {
			echo '<p>' . esc_html__( 'No tokens were used.', 'token-bridge' ) . '</p>';
		} else {
			$this->table( $days );
		}
	}

	/**
	 * @param array<int, array<string, mixed>> $days Days with their items.
	 */
	private function table( array $days ): void {
		echo '<table class="widefat striped token-bridge-usage"><thead><tr><th scope="col">' . esc_html__( 'Day', 'token-bridge' ) . '</th>';
		echo '<th scope="col">' . esc_html__( 'Used for', 'token-bridge' ) . '</th><th scope="col" class="token-bridge-number">' . esc_html__( 'Tokens', 'token-bridge' ) . '</th></tr></thead><tbody>';
		foreach ( $days as $day ) {
			foreach ( (array) ( $day['items'] ?? [] ) as $item ) {
				$this->row( (string) ( $day['date'] ?? '' ), (array) $item );
			}
		}
		echo '</tbody></table>';
	}

	/**
	 * @param array<string, mixed> $item One use.
	 */
	private function row( string $date, array $item ): void {
		$names = array_filter( [ $item['module'] ?? '', $item['operation'] ?? '', $item['site'] ?? '', $item['source'] ?? '' ], 'is_string' );
		$day   = mysql2date( (string) get_option( 'date_format' ), $date . ' 12:00:00' );
		echo '<tr><th scope="row">' . esc_html( (string) $day ) . '</th><td>' . esc_html( implode( ' · ', array_filter( $names, 'strlen' ) ) ) . '</td>';
		echo '<td class="token-bridge-number">' . esc_html( number_format_i18n( (int) ( $item['tokens'] ?? 0 ) ) ) . '</td></tr>';
	}
}
