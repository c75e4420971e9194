import javax.persistence.Column;
import javax.persistence.Entity;
import javax.persistence.GeneratedValue;
import javax.persistence.GenerationType;
import javax.persistence.Id;
import javax.persistence.Table;
import org.hibernate.annotations.Generated;
import org.hibernate.annotations.GenerationTime;

@Entity
@Table(name = "invoices")
class Invoice {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;

    @Column(unique = true)
    String customer;

    @Generated(GenerationTime.INSERT)
    @Column(unique = true, nullable = false, insertable = false, updatable = false)
    Long number;

    Invoice() {}

    Invoice(String customer) {
        this.customer = customer;
    }
}
